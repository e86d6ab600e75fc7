//! `sealwatch events`: what happened lately at a running daemon, and what
//! happens from now on.
//!
//! In: flags, the daemon's answers. Out: lines on standard output; on standard
//! error what was missed. Invariant: nothing of an answer moves a terminal's
//! cursor; whoever reads no more ends the command quietly. Lacks on purpose:
//! deciding which events are wanted, which the daemon does.

mod follow;
mod line;
mod output;

use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{AgentFlags, Client, ClientError};
use super::stdout;
use crate::denial::{Cause, Lsm};
use crate::events::KINDS;
use crate::events::history::EVENTS_MAX;
use output::Output;

const EXAMPLES: &str = "\
Examples:
  sealwatch events --since 5m
  sealwatch events --follow --container 'shop/cart-*' --cause lsm
  sealwatch events --follow --json | jq -r .path

Exit codes: 0 told, 2 badly told, 3 no daemon answers.";

/// Flags of `sealwatch events`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsFlags {
    #[command(flatten)]
    agent: AgentFlags,
    /// Only of these containers: a name or an id, or NAMESPACE/POD/CONTAINER, `*` for anything
    #[arg(long, value_name = "PATTERN")]
    container: Option<String>,
    /// Only refused for this cause
    #[arg(long, value_parser = PossibleValuesParser::new(Cause::ALL.map(Cause::label)))]
    cause: Option<String>,
    /// Only refused by this security module
    #[arg(long, value_parser = PossibleValuesParser::new(Lsm::ALL.iter().map(|lsm| lsm.label())))]
    lsm: Option<String>,
    /// Only of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(KINDS))]
    event: Option<String>,
    /// Only those of the last time, such as 90s or 5m
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    since: Option<u64>,
    /// Most events of the past
    #[arg(long, value_name = "N", default_value_t = 500,
        value_parser = clap::value_parser!(u64).range(0..=EVENTS_MAX as u64))]
    limit: u64,
    /// One JSON object per line, as `sealwatch --events json` writes them
    #[arg(long)]
    json: bool,
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let time = humantime::parse_duration(text);
    let time = time.map_err(|_| "use a time such as 90s, 5m or 1h".to_owned())?;
    // A part of a second counts whole, so that nothing wanted is left out.
    Ok(time.as_secs() + u64::from(time > Duration::from_secs(time.as_secs())))
}

/// What is kept, as it is served.
#[derive(Debug, Deserialize)]
struct Page {
    run: String,
    last: u64,
    events: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    event: Box<RawValue>,
}

impl EventsFlags {
    /// The part of the query that page and stream share.
    fn filter(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("container", &self.container),
            ("cause", &self.cause),
            ("lsm", &self.lsm),
            ("event", &self.event),
        ];
        let given = parts.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }

    fn page(&self) -> String {
        let mut query = self.filter();
        query.push(("limit", self.limit.max(1).to_string()));
        if let Some(seconds) = self.since {
            query.push(("seconds", seconds.to_string()));
        }
        asked("/api/v1/events", &query)
    }

    /// What happens later is never too old.
    fn stream(&self, place: &str) -> String {
        let mut query = self.filter();
        query.push(("after", place.to_owned()));
        asked("/api/v1/events/stream", &query)
    }
}

fn asked(path: &str, query: &[(&str, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    query.iter().for_each(|(name, value)| {
        text.append_pair(name, value);
    });
    format!("{path}?{}", text.finish())
}

/// Prints what is kept, and follows if that is asked for.
///
/// # Errors
/// Standard output cannot be written.
pub async fn run(flags: &EventsFlags) -> anyhow::Result<ExitCode> {
    match told(flags).await {
        Ok(written) => {
            stdout::unless_closed(written)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("sealwatch: {error}");
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}

async fn told(flags: &EventsFlags) -> Result<std::io::Result<()>, ClientError> {
    let client = Client::of(&flags.agent)?;
    let page: Page = client.get(&flags.page()).await?;
    let mut output = Output::to_stdout(flags.json);
    let past = if flags.limit == 0 { &[] } else { &*page.events };
    for entry in past {
        if let Err(error) = output.event(entry.event.get()) {
            return Ok(Err(error));
        }
    }
    if !flags.follow {
        return Ok(Ok(()));
    }
    let place = format!("{}-{}", page.run, page.last);
    Ok(follow::follow(&client, |place| flags.stream(place), &mut output, place).await)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        flags: EventsFlags,
    }

    fn flags(text: &[&str]) -> Result<EventsFlags, String> {
        let arguments = [&["events"], text].concat();
        match Arguments::try_parse_from(arguments) {
            Ok(arguments) => Ok(arguments.flags),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn flags_become_queries_whatever_is_in_them() {
        let flags = flags(&[
            "--container",
            "a&b=*/c d",
            "--cause",
            "lsm",
            "--since",
            "1500ms",
        ]);
        let flags = flags.unwrap();
        assert_eq!(
            flags.page(),
            "/api/v1/events?container=a%26b%3D*%2Fc+d&cause=lsm&limit=500&seconds=2"
        );
        assert_eq!(
            flags.stream("1a-7"),
            "/api/v1/events/stream?container=a%26b%3D*%2Fc+d&cause=lsm&after=1a-7"
        );
    }

    #[test]
    fn bad_flags_say_what_is_good() {
        for (bad, good) in [
            (["--cause", "x"], "read_only_mount"),
            (["--lsm", "x"], "apparmor"),
            (["--event", "x"], "failing_to_start"),
            (["--since", "x"], "5m"),
            (["--limit", "4097"], "4096"),
        ] {
            let error = flags(&bad).unwrap_err();
            assert!(error.contains(good), "{error}");
        }
    }
}
