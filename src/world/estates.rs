//! made
use std::time::Duration;
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub practices: usize,
    pub branches: usize,
    pub carriers: usize,
    pub firewalls: usize,
    pub gateways: usize,
    pub firmwares: usize,
    pub services: usize,
    pub every: Duration,
    pub timeout: Duration,
}
impl Plan {
    pub const PRACTICES_MAX: usize = 20_000;
    pub const COMPONENTS_MAX: usize = 64;
    pub const SERVICES_MAX: usize = 7;
}
impl Default for Plan {
    fn default() -> Self {
        Self {
            practices: 40,
            branches: 0,
            carriers: 4,
            firewalls: 2,
            gateways: 0,
            firmwares: 0,
            services: 7,
            every: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}
