//! `linewatch hub`: what agents at the practices report to. Everything of `run` but the workers that act for practices.

use super::Exit;
use super::run::run_for;
use crate::agent::schedule::Whose;

pub type Args = super::run::Args;

/// Exit status: as of `run`, and 1 where others could reach it and it would speak plainly or show its page to everybody.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    run_for(Whose::Hubs, args)
}
