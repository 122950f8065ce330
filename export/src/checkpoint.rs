//! What a run keeps in its folder: `last/` to resume, `best.safetensors` as selected, JSON beside them.
//!
//! Files are written under a temporary name and renamed, so that an interrupt never leaves half of one.

use crate::Result;
use crate::error::{fail, torch};
use crate::optimizer::Optimizer;
use crate::train::Progress;
use libmtl::Error;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::path::Path;
use tch::Tensor;

/// What of the optimiser is not a tensor.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    progress: Progress,
    counts: std::collections::BTreeMap<String, u64>,
    /// The tensor file that belongs to this state.
    tensors: String,
}

/// What a checkpoint saves of a network.
pub trait Parameters {
    /// Every parameter by name; the tensors share the network's memory.
    fn tensors(&self) -> Vec<(String, Tensor)>;
    /// The parameter called `name`.
    fn tensor_mut(&mut self, name: &str) -> Option<&mut Tensor>;
}

/// SHA-256 of the settings that make a run what it is.
pub fn digest<T: Serialize>(config: &T) -> String {
    let text = serde_json::to_string(config).unwrap_or_default();
    hex(&Sha256::digest(text.as_bytes()))
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Writes `value` as indented JSON.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| fail(e.to_string()).at(path.display()))?;
    text.push('\n');
    replace(path, |temporary| std::fs::write(temporary, &text).map_err(|e| Error::io(path.display(), e)))
}

/// Reads what `write_json` wrote.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path.display(), e))?;
    serde_json::from_str(&text).map_err(|e| fail(e.to_string()).at(path.display()))
}

fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let temporary = path.with_file_name(name);
    write(&temporary)?;
    std::fs::rename(&temporary, path).map_err(|e| Error::io(path.display(), e))
}

fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    replace(path, |temporary| Tensor::write_safetensors(tensors, temporary).map_err(torch))
}

/// Saves the selected parameters.
pub fn save_best(folder: &Path, model: &impl Parameters) -> Result<()> {
    write_tensors(&folder.join("best.safetensors"), &model.tensors())
}

/// Loads the selected parameters.
pub fn load_best(folder: &Path, model: &mut impl Parameters) -> Result<()> {
    let path = folder.join("best.safetensors");
    let tensors = Tensor::read_safetensors(&path).map_err(|e| torch(e).at(path.display()).remedy("train first"))?;
    restore(model, tensors, &path).map(|_| ())
}

/// Saves everything that a resumed run needs.
pub fn save_last(folder: &Path, model: &impl Parameters, optimizer: &Optimizer, progress: &Progress) -> Result<()> {
    let path = folder.join(format!("last-{}.safetensors", progress.step));
    let buffers = optimizer.buffers.iter().map(|(name, tensor)| (format!("optimizer|{name}"), tensor.shallow_clone()));
    let tensors: Vec<_> = model.tensors().into_iter().chain(buffers).collect();
    write_tensors(&path, &tensors)?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let state = State { progress: progress.clone(), counts: optimizer.counts.clone(), tensors: name.clone() };
    write_json(&folder.join("last.json"), &state)?;
    remove_older(folder, &name)
}

fn remove_older(folder: &Path, keep: &str) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("last-") && name != keep {
            std::fs::remove_file(entry.path()).map_err(|e| Error::io(entry.path().display(), e))?;
        }
    }
    Ok(())
}

/// Restores the checkpoint of `folder`, if it has one.
pub fn load_last(folder: &Path, model: &mut impl Parameters, optimizer: &mut Optimizer) -> Result<Option<Progress>> {
    let path = folder.join("last.json");
    if !path.exists() {
        return Ok(None);
    }
    let state: State = read_json(&path)?;
    let path = folder.join(&state.tensors);
    let tensors = Tensor::read_safetensors(&path).map_err(|e| torch(e).at(path.display()))?;
    for (name, tensor) in restore(model, tensors, &path)? {
        if let Some(name) = name.strip_prefix("optimizer|") {
            optimizer.buffers.insert(name.to_string(), tensor);
        }
    }
    optimizer.counts = state.counts;
    Ok(Some(state.progress))
}

/// Where the run of `folder` stands, if it has a checkpoint.
pub fn progress(folder: &Path) -> Result<Option<Progress>> {
    let path = folder.join("last.json");
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(read_json::<State>(&path)?.progress))
}

/// Copies tensors into the model by name; gives back those that are not the model's.
fn restore(model: &mut impl Parameters, tensors: Vec<(String, Tensor)>, path: &Path) -> Result<Vec<(String, Tensor)>> {
    let mut rest = Vec::new();
    let mut restored = 0;
    for (name, tensor) in tensors {
        match model.tensor_mut(&name) {
            Some(own) if own.size() == tensor.size() => {
                tch::no_grad(|| own.copy_(&tensor));
                restored += 1;
            }
            Some(own) => {
                let what = format!("{name} has shape {:?} where the experiment has {:?}", tensor.size(), own.size());
                return Err(fail(what).at(path.display()).remedy("the configuration or the data changed; train anew"));
            }
            None => rest.push((name, tensor)),
        }
    }
    if restored != model.tensors().len() {
        return Err(fail("lacks parameters of this experiment").at(path.display()).remedy("train anew"));
    }
    Ok(rest)
}
