//! The command line's own definition -> completions for shells, man pages.
//!
//! In: clap's [`clap::Command`], which `main` has. Out: a script or a page on
//! standard output, or pages in a directory. Invariant: nothing is written by
//! hand, so what is completed and described is what is parsed. Lacks on purpose:
//! installing; each distribution has its own places.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::stdout;

/// Name of the program, as the scripts and pages know it.
const PROGRAM: &str = "sealwatch";

/// Flags of `sealwatch completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sealwatch completions bash > /usr/share/bash-completion/completions/sealwatch
  sealwatch completions zsh > /usr/local/share/zsh/site-functions/_sealwatch
  sealwatch completions fish > /etc/fish/completions/sealwatch.fish")]
pub struct CompletionsFlags {
    /// The shell that is to complete
    #[arg(value_enum)]
    shell: Shell,
}

/// Flags of `sealwatch man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sealwatch man /usr/local/share/man/man1   # then: man sealwatch-doctor
  sealwatch man | man -l -                  # the main page, at once")]
pub struct ManFlags {
    /// Directory for one page per command, made if it is not there; without it
    /// the main page goes to standard output
    directory: Option<PathBuf>,
}

/// Prints the script.
///
/// # Errors
/// Standard output fails.
pub fn completions(program: &clap::Command, flags: &CompletionsFlags) -> anyhow::Result<()> {
    // What the help does not show is offered by no shell either.
    let shown = program.get_subcommands().filter(|one| !one.is_hide_set());
    let mut shown = clap::Command::new(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .args(program.get_arguments())
        .subcommands(shown);
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut shown, PROGRAM, &mut script);
    stdout::print(&script)
}

/// Prints the main page, or writes all pages.
///
/// # Errors
/// The directory or a page in it cannot be written.
pub fn man(mut program: clap::Command, flags: &ManFlags) -> anyhow::Result<()> {
    program = program.disable_help_subcommand(true);
    program.build();
    match &flags.directory {
        None => stdout::print(&page(&Man::new(program.clone()), &program)?),
        Some(directory) => write_all(&program, directory).with_context(|| {
            let shown = directory.display();
            format!("cannot write pages to {shown}: name a directory that you may write to")
        }),
    }
}

/// The program's page, and one for each command that is shown in its help.
fn write_all(program: &clap::Command, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let shown = program.get_subcommands().filter(|one| !one.is_hide_set());
    for command in std::iter::once(program).chain(shown) {
        let man = Man::new(command.clone());
        std::fs::write(directory.join(man.get_filename()), page(&man, command)?)?;
    }
    Ok(())
}

/// As [`Man::render`] has it, but for what follows the help: its paragraphs
/// become sections, whose lines stay lines.
fn page(man: &Man, command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|one| !one.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    let more = command.get_after_long_help();
    let more = more.or_else(|| command.get_after_help());
    sections(&more.map(ToString::to_string).unwrap_or_default()).to_writer(&mut page)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// A paragraph begins with its heading, a line that ends in a colon.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in text.split("\n\n").filter(|text| !text.is_empty()) {
        let first = paragraph
            .lines()
            .next()
            .and_then(|line| line.strip_suffix(':'));
        let heading = first.map(str::to_uppercase);
        roff.control("SH", [heading.as_deref().unwrap_or("NOTES")]);
        roff.control("nf", []);
        for line in paragraph.lines().skip(usize::from(heading.is_some())) {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_help_becomes_sections() {
        let text = "Examples:\n  sealwatch one\n    more\n\nExit codes:\n  0  well\n\nA word.\n";
        let roff = sections(text).to_roff();
        let wanted = [
            ".SH EXAMPLES\n.nf\nsealwatch one\n  more\n.fi\n",
            ".SH \"EXIT CODES\"\n.nf\n0  well\n.fi\n",
            ".SH NOTES\n.nf\nA word.\n.fi\n",
        ];
        assert_eq!(roff, wanted.concat());
        assert_eq!(sections("").to_roff(), "");
    }
}
