//! The fields of a pod's manifest that a kubelet of the tests knows.
//!
//! Invariant: a field that is not here is an error, so that nothing of a manifest
//! is left out in silence; what begins with an underscore is for others than the
//! kubelet (the scheduler, the API server).

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub metadata: Metadata,
    pub spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    #[serde(rename = "labels")]
    _labels: Option<Value>,
    #[serde(rename = "annotations")]
    _annotations: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    #[serde(default)]
    pub security_context: PodSecurity,
    #[serde(default, rename = "hostPID")]
    pub host_pid: bool,
    #[serde(default)]
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    #[serde(default)]
    pub volumes: Vec<Volume>,
    #[serde(rename = "serviceAccountName")]
    _account: Option<String>,
    /// A token is mounted where this is not false, which no test has.
    #[serde(rename = "automountServiceAccountToken")]
    _token: Option<bool>,
    #[serde(rename = "enableServiceLinks")]
    _links: Option<bool>,
    #[serde(rename = "priorityClassName")]
    _priority: Option<String>,
    #[serde(rename = "terminationGracePeriodSeconds")]
    _grace: Option<u64>,
    #[serde(rename = "tolerations")]
    _tolerations: Option<Value>,
    #[serde(rename = "nodeSelector")]
    _selector: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PodSecurity {
    pub fs_group: Option<u32>,
    /// A new volume's root never matches, so either policy does the same.
    #[serde(rename = "fsGroupChangePolicy")]
    _policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Container {
    pub name: String,
    pub image: String,
    /// All images are there.
    #[serde(rename = "imagePullPolicy")]
    _pull: Option<String>,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: Vec<Variable>,
    #[serde(rename = "ports")]
    _ports: Option<Value>,
    /// Probes are for who runs the pod to ask.
    #[serde(rename = "startupProbe")]
    _startup: Option<Value>,
    #[serde(rename = "livenessProbe")]
    _liveness: Option<Value>,
    #[serde(rename = "readinessProbe")]
    _readiness: Option<Value>,
    #[serde(default)]
    pub resources: Resources,
    #[serde(default)]
    pub security_context: Security,
    #[serde(default)]
    pub volume_mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Variable {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Option<Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Source {
    pub field_ref: FieldRef,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FieldRef {
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
    pub field_path: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resources {
    #[serde(default)]
    pub limits: Limits,
    #[serde(rename = "requests")]
    _requests: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub memory: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Security {
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    #[serde(default)]
    pub read_only_root_filesystem: bool,
    pub allow_privilege_escalation: Option<bool>,
    #[serde(default)]
    pub capabilities: Capabilities,
    pub seccomp_profile: Option<Profile>,
    pub app_armor_profile: Option<Profile>,
    pub se_linux_options: Option<SeLinux>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Capabilities {
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub drop: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    #[serde(rename = "type")]
    pub kind: ProfileKind,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) enum ProfileKind {
    RuntimeDefault,
    Unconfined,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeLinux {
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mount {
    pub name: String,
    pub mount_path: String,
    #[serde(default)]
    pub sub_path: String,
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Volume {
    pub name: String,
    pub empty_dir: Option<EmptyDir>,
    pub host_path: Option<HostPath>,
    pub persistent_volume_claim: Option<Claim>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EmptyDir {
    #[serde(default)]
    pub medium: String,
    pub size_limit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostPath {
    pub path: String,
    #[serde(rename = "type")]
    pub kind: HostPathKind,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
pub(super) enum HostPathKind {
    Directory,
    DirectoryOrCreate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Claim {
    #[serde(rename = "claimName")]
    _claim_name: String,
}
