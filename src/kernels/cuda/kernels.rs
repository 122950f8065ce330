//! Where a device's kernels come from: the cache, or NVRTC.

use super::{Cache, Device, Kernel, Loaded, Origin, compile};
use crate::Result;
use std::sync::Arc;

/// Loads kernels into a device, and counts where they came from.
pub struct Kernels {
    device: Arc<Device>,
    cache: Option<Cache>,
    found: usize,
    compiled: usize,
    /// Why each of the cache's files that could not be used was replaced.
    rebuilt: Vec<String>,
}

impl Kernels {
    /// For `device`; without a cache, all are compiled, and kept nowhere.
    pub fn new(device: &Arc<Device>, cache: Option<Cache>) -> Self {
        Self { device: Arc::clone(device), cache, found: 0, compiled: 0, rebuilt: Vec::new() }
    }

    /// The device that they are for.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Loads `kernel`. One that the cache has and the driver refuses, such as the product of an NVRTC that is newer than
    /// the driver, is compiled anew.
    pub fn load(&mut self, kernel: &Kernel) -> Result<Loaded> {
        let architecture = self.device.architecture();
        let compiled = || Ok(compile(kernel, architecture)?.code);
        let Some(cache) = &self.cache else {
            self.compiled += 1;
            return Ok(Loaded::new(&self.device, kernel, &compiled()?)?);
        };
        let (code, origin) = cache.get(kernel, architecture, compiled)?;
        let loaded = match Loaded::new(&self.device, kernel, &code) {
            Err(refusal) if refusal.code && origin == Origin::Found => {
                let code = cache.replace(kernel, architecture, compiled).map_err(|e| e.at(&refusal.error))?;
                let loaded = Loaded::new(&self.device, kernel, &code)?;
                self.rebuilt.push(refusal.error.to_string());
                return Ok(loaded);
            }
            loaded => loaded?,
        };
        match origin {
            Origin::Found => self.found += 1,
            Origin::Compiled => self.compiled += 1,
            Origin::Rebuilt(reason) => self.rebuilt.push(reason),
        }
        Ok(loaded)
    }

    /// For a report: how many were found, compiled, and compiled anew and why.
    pub fn note(&self) -> String {
        let mut parts = Vec::new();
        let place = self.cache.as_ref().map(|cache| format!(" in {}", cache.folder().display()));
        if self.found > 0 {
            parts.push(format!("{} kernels found{}", self.found, place.as_deref().unwrap_or_default()));
        }
        if self.compiled > 0 {
            let kept = place.as_deref().map_or(", kept nowhere".into(), |place| format!(", kept{place}"));
            parts.push(format!("{} kernels compiled{kept}", self.compiled));
        }
        parts.extend(self.rebuilt.iter().map(|reason| format!("a kernel built anew after: {reason}")));
        parts.join(", ")
    }
}
