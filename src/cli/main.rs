//! The `mtl` command: tag text, run jobs over files, align answers, score, verify and fuse models, list the zoo, tell what runs it.

mod adapt;
mod align;
mod args;
mod batch;
mod eval;
mod fuse;
mod info;
mod input;
mod mistakes;
mod model;
mod models;
mod output;
mod predictions;
mod score;
mod stop;
mod tag;
mod verify;

use anstyle::{AnsiColor, Style};
use args::{Cli, Command, EngineArgs};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::io::Write;
use std::process::ExitCode;
use stop::Stop;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    stop::watch();
    let outcome = match cli.command {
        Command::Tag(mut args) => {
            order_providers(&mut args.engine, &matches);
            tag::run(args)
        }
        Command::Eval(mut args) => {
            order_providers(&mut args.engine, &matches);
            eval::run(&args)
        }
        Command::Align(args) => align::run(&args),
        Command::Score(mut args) => {
            order_providers(&mut args.engine, &matches);
            score::run(&args)
        }
        Command::Adapt(mut args) => {
            order_providers(&mut args.engine, &matches);
            adapt::run(&args)
        }
        Command::Batch(mut args) => {
            order_providers(args.engine(), &matches);
            batch::run(&args)
        }
        Command::Verify(args) => verify::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Fuse(args) => fuse::run(&args),
        Command::Info(args) => info::run(&args),
    };
    ExitCode::from(match outcome {
        Ok(code) => code,
        Err(Stop::Pipe) => stop::OK,
        Err(Stop::Interrupted) => stop::INTERRUPTED,
        Err(Stop::Error(error)) => {
            report(&error);
            stop::REFUSED
        }
    })
}

/// Puts `--provider` and `--prefer` into the order of the command line, which clap keeps apart.
fn order_providers(engine: &mut EngineArgs, matches: &ArgMatches) {
    // A command may have commands of its own.
    let mut matches = matches;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    let mut order = Vec::new();
    for (name, values, required) in [("provider", &engine.provider, true), ("prefer", &engine.prefer, false)] {
        let indices = matches.indices_of(name).into_iter().flatten();
        order.extend(indices.zip(values).map(|(index, &value)| (index, value, required)));
    }
    order.sort_by_key(|&(index, ..)| index);
    engine.order = order.into_iter().map(|(_, value, required)| (value, required)).collect();
}

/// Tells the user of an error.
fn report(error: &libmtl::Error) {
    say(AnsiColor::Red.on_default().bold(), "error", &error.to_string());
}

/// Tells the user something that is no error.
fn note(text: &str) {
    say(Style::new().dimmed(), "note", text);
}

/// Tells the user of something that may be an error.
fn warn(text: &str) {
    say(AnsiColor::Yellow.on_default().bold(), "warning", text);
}

fn say(style: Style, kind: &str, text: &str) {
    // Whoever read standard error may be gone; that is no reason to end.
    let _ = writeln!(anstream::stderr(), "mtl: {style}{kind}{style:#}: {text}");
}
