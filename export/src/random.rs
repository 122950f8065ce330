//! Random numbers as a function of (seed, purpose, counter): nothing to save, so a resumed run repeats exactly.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A generator for `purpose` at `counter`.
pub fn stream(seed: u64, purpose: &str, counter: u64) -> ChaCha8Rng {
    // FNV-1a, so that the value does not depend on the standard library's hasher.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let bytes = seed.to_le_bytes().into_iter().chain(purpose.bytes()).chain(counter.to_le_bytes());
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    ChaCha8Rng::seed_from_u64(hash)
}
