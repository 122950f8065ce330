//! What the providers for GPUs are told, and what the report says of it.

use super::cache::Cache;
use crate::Result;
use crate::engine::{EngineOptions, GpuOptions, Provider};
use ort::ep;

/// The options of an engine's providers for GPUs.
pub struct Gpu<'a> {
    options: &'a GpuOptions,
    cache: Option<Cache>,
}

impl<'a> Gpu<'a> {
    /// Those of `options`, for the bundle of this digest.
    pub fn new(options: &'a EngineOptions, digest: &str) -> Self {
        let options = &options.gpu;
        Self { options, cache: options.tensorrt_cache.as_ref().map(|root| Cache::new(root, digest)) }
    }

    fn device(&self) -> u16 {
        self.options.device.unwrap_or(0)
    }

    /// CUDA's provider.
    pub fn cuda(&self) -> ep::CUDA {
        let search = ep::cuda::ConvAlgorithmSearch::Heuristic;
        let cuda = ep::CUDA::default().with_conv_algorithm_search(search).with_tf32(false);
        let cuda = cuda.with_device_id(self.device().into());
        match self.options.memory {
            None => cuda,
            Some(limit) => cuda.with_memory_limit(usize::try_from(limit).unwrap_or(usize::MAX)),
        }
    }

    /// TensorRT's provider.
    pub fn tensorrt(&self) -> std::result::Result<ep::TensorRT, String> {
        let tensorrt = ep::TensorRT::default().with_device_id(self.device().into());
        let tensorrt = tensorrt.with_fp16(self.options.tensorrt_fp16);
        let Some(cache) = &self.cache else { return Ok(tensorrt) };
        let folder = cache.folder().to_str().ok_or("the path of its cache is not UTF-8")?;
        Ok(tensorrt.with_engine_cache(true).with_engine_cache_path(folder))
    }

    /// Does `work`, with TensorRT among the providers or not; a cache that may be what fails is built anew.
    pub fn attempt<T>(&mut self, tensorrt: bool, work: &dyn Fn() -> Result<T>) -> Result<T> {
        match self.cache.as_mut().filter(|_| tensorrt) {
            Some(cache) => cache.attempt(work),
            None => work(),
        }
    }

    /// How `provider` runs, to be appended to what it runs.
    pub fn settings(&self, provider: Provider) -> String {
        let note = self.cache.as_ref().filter(|_| provider == Provider::TensorRt).map(Cache::note).unwrap_or_default();
        match provider {
            Provider::Cpu => note,
            Provider::Cuda | Provider::TensorRt => format!(" on device {}{note}", self.device()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_each_provider_are_its_own() {
        let root = tempfile::tempdir().unwrap();
        let tensorrt_cache = Some(root.path().to_owned());
        let (device, memory) = (Some(1), Some(512 << 20));
        let options = GpuOptions { device, memory, tensorrt_cache, tensorrt_fp16: true, kernel_cache: None };
        let options = EngineOptions { gpu: options, ..EngineOptions::default() };
        let gpu = Gpu::new(&options, "0123abcd");
        assert_eq!(gpu.settings(Provider::Cpu), "");
        assert_eq!(gpu.settings(Provider::Cuda), " on device 1");
        let place = root.path().join("0123abcd");
        let expected = format!(" on device 1, engines kept in {}", place.display());
        assert_eq!(gpu.settings(Provider::TensorRt), expected);
        // What ONNX Runtime is told; it has no way to read options back.
        let told = format!("{:?}{:?}", gpu.cuda(), gpu.tensorrt().unwrap());
        for option in
            ["device_id", "gpu_mem_limit", "536870912", "trt_fp16_enable", "trt_engine_cache_path", "0123abcd"]
        {
            assert!(told.contains(option), "{option} in {told}");
        }
    }

    #[test]
    fn nothing_is_told_that_was_not_asked_for() {
        let options = EngineOptions::default();
        let gpu = Gpu::new(&options, "0123abcd");
        assert_eq!(gpu.settings(Provider::TensorRt), " on device 0");
        let told = format!("{:?}{:?}", gpu.cuda(), gpu.tensorrt().unwrap());
        assert!(!told.contains("cache") && !told.contains("mem_limit"), "{told}");
    }
}
