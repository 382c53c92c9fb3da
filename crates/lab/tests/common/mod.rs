//! A PBX and phones on one network.
#![allow(dead_code, clippy::unwrap_used)] // each scenario uses its part of it, and all of it is test

pub(crate) mod real;

use std::net::SocketAddr;
use std::time::Duration;

use lab::pbx::{Config, ParkEvent, Pbx};
use lab::peer::{Line, Manner, Phone, PhoneConfig};
use lab::world::{HostId, World};

pub(crate) const PBX: &str = "10.0.0.1:5060";

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Puts a PBX into the world.
pub(crate) fn pbx(world: &mut World, config: Config) -> HostId<Pbx> {
    let config = config.seed(world.seed_for("pbx"));
    let here = addr(PBX);
    let rtp = (0..24).map(|at| SocketAddr::new(here.ip(), 20_000 + 2 * at));
    world.add("pbx", here.ip(), Pbx::new(config, here, rtp))
}

/// A phone and the PBX, in this order in the ladder.
pub(crate) fn world_of_one(seed: u64, user: &str, config_of_pbx: Config) -> (World, HostId<Phone>, HostId<Pbx>) {
    let mut world = World::new(seed);
    let phone = phone(&mut world, config(user));
    let pbx = pbx(&mut world, config_of_pbx);
    (world, phone, pbx)
}

/// What the phone of a user is; its address ends in the last digit of its number, and 10.
pub(crate) fn config(user: &str) -> PhoneConfig {
    let last = user.chars().last().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
    PhoneConfig::new(addr(&format!("10.0.0.{}:5060", 10 + last)), addr(PBX), user)
}

/// Puts a phone into the world.
pub(crate) fn phone(world: &mut World, config: PhoneConfig) -> HostId<Phone> {
    let (name, ip) = (config.user.clone(), config.here.ip());
    world.add(&name, ip, Phone::new(config))
}

/// Registers a phone and waits until it is.
pub(crate) fn register(world: &mut World, phone: HostId<Phone>) {
    world.with(phone, Phone::register);
    world.run_until(secs(10), |world| world.host(phone).is_registered());
}

/// Waits until a phone's line is that.
#[track_caller]
pub(crate) fn wait_for(world: &mut World, phone: HostId<Phone>, line: Line) {
    world.run_until(secs(40), |world| world.host(phone).line() == line);
}

/// Waits until the PBX has forgotten all calls.
#[track_caller]
pub(crate) fn wait_for_silence(world: &mut World, pbx: HostId<Pbx>) {
    world.run_until(secs(64), |world| world.host(pbx).calls().count() == 0);
}

/// A PBX and the phones of 1001, 1002 and 1003, all registered. 1001 sends 440 Hz, 1002 1,000 Hz, 1003 700 Hz.
pub(crate) struct Three {
    pub(crate) world: World,
    pub(crate) alice: HostId<Phone>,
    pub(crate) pbx: HostId<Pbx>,
    pub(crate) bob: HostId<Phone>,
    pub(crate) carol: HostId<Phone>,
}

impl Three {
    pub(crate) fn new(seed: u64, setup: Config, carol: Manner) -> Self {
        Self::of(seed, setup, ["1001", "1002", "1003"], carol)
    }

    pub(crate) fn of(seed: u64, setup: Config, users: [&str; 3], manner: Manner) -> Self {
        let mut world = World::new(seed);
        let [a, b, c] = users.map(config);
        let alice = phone(&mut world, a);
        let pbx = pbx(&mut world, setup);
        let soon = Manner::Answer(ms(100));
        let bob = phone(&mut world, PhoneConfig { manner: soon, hertz: 1_000.0, ..b });
        let carol = phone(&mut world, PhoneConfig { manner, hertz: 700.0, ..c });
        for phone in [alice, bob, carol] {
            register(&mut world, phone);
        }
        world.note("all are registered");
        Self { world, alice, pbx, bob, carol }
    }

    /// The first has called the second, and they have talked for a second.
    pub(crate) fn talking(mut self) -> Self {
        let number = self.user(self.bob);
        self.world.with(self.alice, |phone, now| phone.dial(now, &number));
        wait_for(&mut self.world, self.alice, Line::Talking);
        self.world.run_for(secs(1));
        self.note("the first talks to the second");
        self
    }

    pub(crate) fn user(&self, phone: HostId<Phone>) -> String {
        self.world.host(phone).user().to_owned()
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.world.note(text);
    }

    /// Presses keys, 300 ms apart.
    pub(crate) fn press(&mut self, phone: HostId<Phone>, keys: &str) {
        self.world.note(format!("{} presses {keys}", self.user(phone)));
        for key in keys.chars() {
            self.world.with(phone, |phone, _| phone.press(key));
            self.world.run_for(ms(300));
        }
    }

    /// Whether a phone hears that tone.
    #[track_caller]
    pub(crate) fn assert_hears(&self, phone: HostId<Phone>, hertz: f32) {
        let heard = self.world.host(phone).hertz_heard();
        assert!((heard - hertz).abs() < 5.0, "{} hears {heard} Hz, not {hertz}", self.user(phone));
    }

    /// Whether both phones hear each other.
    #[track_caller]
    pub(crate) fn assert_talk(&mut self, a: HostId<Phone>, b: HostId<Phone>) {
        self.world.run_for(secs(2));
        for (phone, other) in [(a, b), (b, a)] {
            assert_eq!(self.world.host(phone).line(), Line::Talking, "{}", self.user(phone));
            self.assert_hears(phone, self.world.host(other).hertz());
            let (shown, user) = (self.world.host(phone).other().unwrap_or_default(), self.user(other));
            assert!(shown.contains(&user), "{} is shown {shown}, not {user}", self.user(phone));
        }
    }

    /// Hangs up and waits until the PBX has forgotten everything.
    #[track_caller]
    pub(crate) fn end(&mut self, phone: HostId<Phone>) {
        self.world.with(phone, Phone::hang_up);
        wait_for_silence(&mut self.world, self.pbx);
        for phone in [self.alice, self.bob, self.carol] {
            let line = self.world.host(phone).line();
            assert!(!matches!(line, Line::Talking | Line::Ringing | Line::Calling | Line::Ringback), "{line:?}");
        }
    }

    pub(crate) fn events(&mut self) -> Vec<ParkEvent> {
        self.world.with(self.pbx, |pbx, _| std::iter::from_fn(|| pbx.poll_park_event()).collect())
    }

    /// What has happened in the parking lots since it was asked last, in short.
    pub(crate) fn park_events(&mut self) -> Vec<String> {
        let short = |event| match event {
            ParkEvent::Parked(parked) => format!("{} parked in {} by {}", parked.user, parked.slot, parked.parker),
            ParkEvent::Swapped(parked) => format!("{} swapped into {}", parked.user, parked.slot),
            ParkEvent::TimedOut(parked) => format!("{} timed out in {}", parked.user, parked.slot),
            ParkEvent::GivenUp(parked) => format!("{} gave up {}", parked.user, parked.slot),
            ParkEvent::Retrieved { parked, by } => format!("{} retrieved from {} by {by}", parked.user, parked.slot),
            other => format!("{other:?}"),
        };
        self.events().into_iter().map(short).collect()
    }
}
