//! How fast training is, and the bar that shows how far it is.

use crate::train::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;

/// Measures how fast training is.
pub struct Clock {
    since: Instant,
    cpu: f64,
    /// Tokens since the last look.
    pub tokens: usize,
}

impl Clock {
    /// From now on.
    pub fn new() -> Self {
        Self { since: Instant::now(), cpu: cpu_seconds(), tokens: 0 }
    }

    fn rate(&self) -> f64 {
        self.tokens as f64 / self.since.elapsed().as_secs_f64().max(1e-9)
    }

    /// Tokens a second since the last look.
    pub fn restart(&mut self) -> f64 {
        let rate = self.rate();
        *self = Self::new();
        rate
    }

    /// CPU time of the process since the last look, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds() - self.cpu
    }

    /// What the progress bar says.
    pub fn message(&self, progress: &Progress) -> String {
        let losses: Vec<f64> = progress.loss.iter().flatten().copied().collect();
        let mean = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let dev = progress.best.map_or(String::new(), |(score, _)| format!(" dev {:.2}", 100.0 * score));
        format!("loss {mean:.3}{dev} {:.0} tokens/s", self.rate())
    }
}

#[cfg(unix)]
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Elsewhere time on the wall stands for it.
#[cfg(not(unix))]
fn cpu_seconds() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

/// A bar for `steps` steps.
pub fn progress_bar(steps: u64, name: &str, seed: u64) -> ProgressBar {
    let style = "{prefix} {bar:30} {pos}/{len} {msg} [{elapsed_precise}, {eta_precise} left]";
    let bar = ProgressBar::new(steps);
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_prefix(format!("{name} seed {seed}"));
    bar
}
