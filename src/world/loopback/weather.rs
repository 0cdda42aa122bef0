//! What the stand-in asks before it lets anything through: the fate of one asking, now. And the weather of a
//! drill: a scenario played from the moment at which the drill begins.

use std::sync::{Arc, OnceLock};

use crate::estate::{ProbeIx, Vantage};
use crate::hub::service::ReportGate;
use crate::time::At;
use crate::world::faults::{Fate, World};

/// Decides, moment by moment, what happens to what crosses the stand-in. Time is the implementor's own
/// business; a drill plays a scenario, a test says what it wants.
pub trait Weather: Send + Sync + 'static {
    /// What happens to the asking `nonce` of `probe` from `from` if it crosses now. Different numbers draw
    /// different lots where a fault hits only some askings.
    fn fate(&self, from: Vantage, probe: ProbeIx, nonce: u64) -> Fate;
}

/// Fine weather until [`Playback::begin`], then what the scenario says.
#[derive(Debug, Clone, Default)]
pub struct Playback {
    world: Arc<OnceLock<World>>,
}

impl Playback {
    /// From now on the scenario plays; `world` was made with the clock that says when it began. A second
    /// call changes nothing.
    pub fn begin(&self, world: World) {
        drop(self.world.set(world));
    }
}

impl Weather for Playback {
    fn fate(&self, from: Vantage, probe: ProbeIx, nonce: u64) -> Fate {
        self.world.get().map_or(Fate::Pass, |world| world.fate(from, probe, now(), nonce))
    }
}

/// A worker in the drill stands for an agent at its practice, so its reports go the way that an agent's
/// would: over the NHS network, else the internet, else nowhere.
impl ReportGate for Playback {
    fn arrives(&self, from: Vantage) -> bool {
        let (Some(world), Vantage::Practice(practice)) = (self.world.get(), from) else { return true };
        !world.is_off(practice, now()) && world.report_arrives(practice, now()).is_some()
    }
}

fn now() -> At {
    At::from(jiff::Timestamp::now())
}
