//! `mtl fuse`: the fused graph beside the portable one.

use crate::args::FuseArgs;
use crate::stop::{self, Outcome};
use crate::{model, note};
use libmtl::bundle::{self, layout};
use libmtl::zoo;

/// Runs the command. Nothing is written unless all of the new bundle passes the checks of a reader.
pub fn run(args: &FuseArgs) -> Outcome<u8> {
    let from = zoo::resolve(&args.model, model::zoo(&args.zoo)?.as_ref())?;
    let manifest = bundle::fuse(&from, &args.output)?;
    let bytes = manifest.files.get(layout::FUSED_GRAPH).map_or(0, |entry| entry.bytes);
    note(&format!("{}: {} of {bytes} bytes", args.output.display(), layout::FUSED_GRAPH));
    Ok(stop::OK)
}
