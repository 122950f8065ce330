//! The operator on CUDA's provider: the kernels of [`kernels::cuda`](crate::kernels::cuda), on the provider's stream and in
//! its memory. NOT RUN on a GPU yet: tests run it on ONNX Runtime's CPU provider, over a stand-in for CUDA's driver.
//!
//! A run reads lengths, tokens and selectors on the host, and asks the stream for the rest. It waits for nothing: ONNX
//! Runtime waits for the stream before it hands out what the node has written.

use super::{Inputs, guarded, inputs, ours, outputs, reader, values, wrong};
use crate::bundle::graph::fused;
use crate::bundle::manifest::Manifest;
use crate::engine::GpuOptions;
use crate::engine::cuda::network::{self, Heads};
use crate::kernels::cuda::{Address, Cache, Call, Device, Driver, Guest, Kernels, Tensors};
use crate::{Error, Result};
use ort::ep::{self, ExecutionProvider};
use ort::memory::AllocationDevice;
use ort::operator::{ComputeContext, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::{DynTensorValueType, Shape, Value};
use std::ffi::c_void;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The GPU of a session, and where its kernels come from.
#[derive(Clone)]
pub struct Gpu {
    number: u16,
    /// The kernel of the BiLSTM, for a report.
    pub kernel: String,
    kernels: Arc<Mutex<Kernels>>,
}

impl Gpu {
    /// The GPU that `options` name, by the driver in `library`, or the loader's own, for the bundle of `manifest`.
    pub fn open(options: &GpuOptions, library: Option<&Path>, manifest: &Manifest) -> Result<Self> {
        let cache = options.kernel_cache.as_deref().map(Cache::new).transpose()?;
        let number = options.device.unwrap_or(0);
        let device = Device::open(&Driver::load(library)?, number)?;
        let kernel = network::kernel(&network::sizes(manifest, device.architecture())?);
        Ok(Self { number, kernel, kernels: Arc::new(Mutex::new(Kernels::new(&device, cache))) })
    }

    fn kernels(&self) -> MutexGuard<'_, Kernels> {
        self.kernels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a report says beside the provider's own settings.
    pub fn note(&self) -> String {
        format!("; {}: {}; NOT RUN on a GPU by its authors", fused::OPERATOR, self.kernels().note())
    }
}

/// The operator before it has weights.
pub struct BiLstmCrf {
    pub manifest: Arc<Manifest>,
    pub gpu: Gpu,
}

impl Operator for BiLstmCrf {
    type Kernel<'attr> = Computation;

    fn name(&self) -> &str {
        fused::OPERATOR
    }

    fn versions(&self) -> std::ops::RangeInclusive<u32> {
        1..=1
    }

    fn execution_provider_type(&self) -> Option<&str> {
        Some(ep::CUDA::NAME)
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        inputs(&self.manifest)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        outputs()
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Computation> {
        guarded(|| Computation::new(self, context))
    }
}

/// The operator with the weights of its node, in the GPU.
pub struct Computation {
    manifest: Arc<Manifest>,
    /// The GPU's number.
    number: u16,
    features: usize,
    guest: Guest,
    /// One a task.
    heads: Vec<Heads>,
}

impl ort::operator::Kernel for Computation {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        guarded(|| {
            let stream = context.stream().map_err(ours)?.ok_or_else(|| wrong("the provider has no stream"))?;
            self.run(context, stream, &AllocationDevice::CUDA)
        })
    }
}

impl Computation {
    /// Copies the node's weights to the GPU; ONNX Runtime gives them in the host's memory, as [`inputs`] asks for.
    fn new(operator: &BiLstmCrf, context: &KernelContext) -> Result<Self> {
        let (manifest, mut kernels) = (Arc::clone(&operator.manifest), operator.gpu.kernels());
        let (network, heads) = network::open(&manifest, &mut kernels, &reader(&manifest, context))?;
        let features = network.sizes().inputs;
        Ok(Self { manifest, number: operator.gpu.number, features, guest: Guest::new(&mut kernels, network)?, heads })
    }

    /// Asks `stream` for a run over tensors in the memory that ONNX Runtime calls `memory`.
    fn run(&mut self, context: &ComputeContext, stream: NonNull<c_void>, memory: &AllocationDevice) -> Result<()> {
        let values = values(context, &self.manifest)?;
        let inputs = Inputs::new(&self.manifest, &values, self.features)?;
        let (tasks, batch, time) = (inputs.heads.len(), inputs.lengths.len(), inputs.time);
        let words = inputs.words.view().downcast::<DynTensorValueType>().map_err(ours)?;
        let words = self.address(&words, memory).map_err(|e| e.at("words"))?;
        let output = |index: usize, shape: &[usize]| {
            let shape: Shape = shape.iter().map(|&size| size as i64).collect();
            let value = context.output(index, shape).map_err(ours)?.ok_or_else(|| wrong("is missing"))?;
            let value = value.downcast::<DynTensorValueType>().map_err(ours)?;
            self.address(&value, memory)
        };
        let at = |index: usize| move |error: Error| error.at(format!("output {index}"));
        let labels = output(0, &[tasks, batch, time]).map_err(at(0))?;
        let scores = output(1, &[tasks, batch]).map_err(at(1))?;
        let tensors = inputs.heads.iter().zip(&self.manifest.tasks).enumerate().map(|(place, (head, task))| {
            let emissions = output(2 + place, &[batch, time, task.labels.len()]).map_err(at(2 + place))?;
            Ok(Tensors {
                head: self.heads[place].number(head),
                labels: labels + (place * batch * time * size_of::<i64>()) as Address,
                scores: scores + (place * batch * size_of::<f32>()) as Address,
                emissions,
            })
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let (tokens, lengths) = (inputs.tokens, &inputs.lengths[..]);
        let call = Call { stream: stream.as_ptr(), words, tokens, lengths, tensors: &tensors };
        // SAFETY: the stream is that of the provider, which works in the primary context of this GPU. Its tensors are in the
        // GPU's memory, of the shapes that were checked or asked for, and ONNX Runtime lets them be until the stream has done
        // what it is asked for during this call. `Inputs` has checked the tokens.
        unsafe { self.guest.run(&call) }
    }

    /// The address of a tensor's data, which is in this GPU's memory.
    fn address(&self, value: &Value<DynTensorValueType>, memory: &AllocationDevice) -> Result<Address> {
        let info = value.memory_info();
        if info.allocation_device() != *memory || info.device_id() != i32::from(self.number) {
            let found = format!("{} {}", info.allocation_device().as_str(), info.device_id());
            return Err(wrong(format!("lies in the memory of {found}, not of {} {}", memory.as_str(), self.number)));
        }
        Ok(value.data_ptr() as Address)
    }
}

#[cfg(test)]
mod tests;
