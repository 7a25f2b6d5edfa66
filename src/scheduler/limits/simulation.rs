//! Drives the limit policy and the breaker against a simulated server, in virtual time and repeatable by seed.
//!
//! `server` counts as OpenAI does, `setting` says what a run is given, `world` moves closed-loop clients through the very
//! code that the library ships, `measure` holds a run to its bounds. `figures` asserts the table of issue 3, `announced`
//! what else a server that tells its limits may do, `unannounced` what one may do that does not, or lies.
//!
//! `cargo test --release simulation -- --nocapture` prints the figure of each case.

mod announced;
mod figures;
mod measure;
mod server;
mod setting;
mod unannounced;
mod world;

/// A small generator of even quality, so that a seed means the same run for ever.
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 up to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }
}
