//! An alert as its receiver has it.
//!
//! In: JSON of Alertmanager's API or of a webhook. Out: what the tests ask of it.

use serde_json::Value;

/// One alert.
#[derive(Clone, Debug)]
pub struct Told(pub Value);

impl Told {
    pub fn label(&self, name: &str) -> &str {
        self.0["labels"][name].as_str().unwrap_or_default()
    }

    pub fn annotation(&self, name: &str) -> &str {
        self.0["annotations"][name].as_str().unwrap_or_default()
    }

    /// `firing` or `resolved`, as a webhook has it.
    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    pub fn is_of(&self, alert: &str, container: &str) -> bool {
        self.label("alertname") == alert && self.label("container") == container
    }

    /// It says what is refused where, and what to do.
    pub fn assert_helps(&self, container: &str) {
        use super::container::ROOT;
        assert_eq!(self.label("severity"), "warning", "{self:?}");
        assert_eq!(self.label("container"), container);
        assert_eq!(self.label("write_root"), ROOT, "{self:?}");
        let summary = self.annotation("summary");
        let description = self.annotation("description");
        for part in [container, ROOT] {
            assert!(summary.contains(part), "{part}: {self:?}");
            assert!(description.contains(part), "{part}: {self:?}");
        }
        // On a kernel that does not tell the cause, the remedy has a condition.
        for part in ["EROFS", "tmpfs"] {
            assert!(description.contains(part), "{part}: {self:?}");
        }
        let runbook = self.annotation("runbook_url");
        assert!(runbook.ends_with("SealwatchCacheDegraded.md"), "{self:?}");
    }
}
