use super::*;
use crate::testing::{sine, snr_of_sine};

fn near(value: f32, wanted: f32) {
    assert!((value - wanted).abs() < 1e-5, "{value} is not {wanted}");
}

struct World {
    mixer: Mixer,
    parts: Vec<Part>,
    levels: Vec<f32>,
    mouth: f32,
    ear: Vec<f32>,
    heard: Vec<Vec<f32>>,
    played: usize,
}

impl World {
    fn new(levels: &[f32], mouth: f32) -> World {
        let parts: Vec<_> = levels.iter().map(|_| Part::default()).collect();
        let heard = vec![Vec::new(); levels.len()];
        World { mixer: Mixer::default(), parts, levels: levels.to_vec(), mouth, ear: Vec::new(), heard, played: 0 }
    }

    fn arrange(&mut self, rooms: &[(&[usize], bool)]) {
        let mut taken = Vec::new();
        let mut places = vec![None; self.parts.len()];
        for (members, user) in rooms {
            let before: Vec<_> = members.iter().filter_map(|member| self.parts[*member].place()).collect();
            let place = self.mixer.place(before.into_iter(), *user, &mut taken);
            members.iter().for_each(|member| places[*member] = place);
        }
        self.parts.iter_mut().zip(places).for_each(|(part, place)| part.move_to(place));
    }

    fn run(&mut self, tens_of_ms: usize) {
        for _ in 0..2 * tens_of_ms {
            self.mixer.begin();
            for (part, level) in self.parts.iter_mut().zip(&self.levels) {
                part.said_mut().fill(*level);
                self.mixer.add(part);
            }
            self.mixer.mix();
            let mut ear = [9.0; TICK];
            for (part, heard) in self.parts.iter_mut().zip(&mut self.heard) {
                self.played += usize::from(self.mixer.take(part, &[self.mouth; TICK]));
                heard.extend(part.heard());
            }
            self.mixer.finish(&mut ear);
            self.ear.extend(ear);
        }
    }

    /// The same at other rates.
    fn at(rates: &[u32], levels: &[f32], mouth: f32) -> World {
        let mut world = World::new(levels, mouth);
        world.parts.iter_mut().zip(rates).for_each(|(part, rate)| part.set_rate(*rate));
        world
    }

    /// What each hears at last, the ear at the end.
    fn settled(&mut self) -> Vec<f32> {
        self.run(3);
        self.heard.iter().map(|heard| heard[heard.len() - 1]).chain(self.ear.last().copied()).collect()
    }

    fn assert(&mut self, wanted: &[f32]) {
        let settled = self.settled();
        assert_eq!(settled.len(), wanted.len());
        settled.iter().zip(wanted).for_each(|(value, wanted)| near(*value, *wanted));
    }

    /// The steepest step that anybody has heard.
    fn steepest(&self) -> f32 {
        let heard = self.heard.iter().chain([&self.ear]);
        heard.flat_map(|heard| heard.windows(2)).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }
}

#[test]
fn members_hear_each_other_and_the_mouth_but_not_themselves() {
    let mut world = World::new(&[0.1, 0.2, 0.3], 0.05);
    world.arrange(&[(&[0, 2], true)]);
    world.assert(&[0.35, 0.0, 0.15, 0.4]);
}

#[test]
fn a_room_without_the_user_is_for_its_members_alone() {
    let mut world = World::new(&[0.1, 0.2, 0.3], 0.05);
    world.arrange(&[(&[0, 1], false), (&[2], true)]);
    world.assert(&[0.2, 0.1, 0.05, 0.3]);
}

#[test]
fn two_rooms_of_the_user_do_not_hear_each_other() {
    let mut world = World::new(&[0.1, 0.2, 0.3], 0.05);
    world.arrange(&[(&[0, 1], true), (&[2], true)]);
    world.assert(&[0.25, 0.15, 0.05, 0.6]);
}

#[test]
fn every_change_of_rooms_ends_right_and_without_a_click() {
    let arrangements: [&[(&[usize], bool)]; 7] = [
        &[(&[0, 1], true)],
        &[(&[0, 1], false)],
        &[(&[0], true), (&[1, 2], false)],
        &[(&[2, 1], false), (&[0], true)],
        &[(&[0, 1, 2], true)],
        &[],
        &[(&[0], false), (&[1], false), (&[2], true)],
    ];
    for rates in [[48_000; 3], [8_000; 3], [8_000, 16_000, 48_000], [8_000, 8_000, 16_000]] {
        for (before, after) in arrangements.iter().flat_map(|before| arrangements.map(|after| (before, after))) {
            let mut world = World::at(&rates, &[0.1, 0.2, 0.3], 0.05);
            world.arrange(before);
            world.run(5);
            world.arrange(after);
            let changed = world.settled();
            let mut fresh = World::new(&[0.1, 0.2, 0.3], 0.05);
            fresh.arrange(after);
            let wanted = fresh.settled();
            assert!(
                changed.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-4),
                "{rates:?}, {before:?} to {after:?}: {changed:?}, not {wanted:?}"
            );
            // All that can change is 0.65, over a tick.
            let (steepest, limit) = (world.steepest(), 2.0 / room::samples(room::layer_of(rates[0])) as f32);
            assert!(steepest < limit, "{rates:?}, {before:?} to {after:?}: {steepest}");
        }
    }
}

/// Seconds of what each hears, and the ear, when each says a tone of its own.
fn sing(rates: &[u32], hertz: &[f32], user: bool) -> Vec<Vec<f32>> {
    let mut world = World::at(rates, &vec![0.0; rates.len()], 0.0);
    let all: Vec<_> = (0..rates.len()).collect();
    world.arrange(&[(&all, user)]);
    let voices: Vec<_> = rates.iter().zip(hertz).map(|(rate, hertz)| sine(*hertz, *rate, 1.0, 0.2)).collect();
    let mouth = sine(700.0, 48_000, 1.0, 0.2);
    for mouth in mouth.chunks_exact(TICK).enumerate().map(|(tick, mouth)| (tick, mouth.try_into().unwrap())) {
        world.mixer.begin();
        for (part, voice) in world.parts.iter_mut().zip(&voices) {
            let length = part.said().len();
            part.said_mut().copy_from_slice(&voice[mouth.0 * length..][..length]);
            world.mixer.add(part);
        }
        world.mixer.mix();
        for (part, heard) in world.parts.iter_mut().zip(&mut world.heard) {
            world.mixer.take(part, mouth.1);
            heard.extend(part.heard());
        }
        let mut ear = [0.0; TICK];
        world.mixer.finish(&mut ear);
        world.ear.extend(ear);
    }
    world.heard.push(world.ear);
    world.heard
}

#[test]
fn every_pitch_is_right_between_all_rates() {
    for low in [8_000, 16_000] {
        for high in [8_000, 16_000, 48_000] {
            let heard = sing(&[low, high], &[440.0, 1_000.0], false);
            for (heard, hertz, rate) in [(&heard[0], 1_000.0, low), (&heard[1], 440.0, high)] {
                let snr = snr_of_sine(&heard[heard.len() / 4..], hertz, rate);
                assert!(snr > 55.0, "{hertz} Hz from {low} and {high} at {rate}: {snr} dB");
            }
            assert!(heard[2].iter().all(|sample| *sample == 0.0), "the user is not there");
        }
    }
    for rate in [8_000, 16_000] {
        let heard = sing(&[rate], &[440.0], true);
        let (own, ear) =
            (snr_of_sine(&heard[0][2_000..], 700.0, rate), snr_of_sine(&heard[1][12_000..], 440.0, 48_000));
        assert!(own > 55.0 && ear > 55.0, "{rate}: {own} dB of the mouth, {ear} dB at the ear");
    }
}

#[test]
fn a_source_sounds_at_its_pitch_at_every_rate() {
    let clip = Arc::new(Clip::from_samples(&sine(440.0, 48_000, 1.0, 0.3), 48_000).unwrap());
    for rate in [8_000, 16_000, 48_000] {
        for source in [Source::Clip(clip.clone()), Source::Tone(Tone::continuous(440.0, 0.3))] {
            let mut world = World::at(&[rate], &[0.0], 0.0);
            world.parts[0].set_source(source.clone());
            world.run(60);
            let snr = snr_of_sine(&world.heard[0][rate as usize / 10..], 440.0, rate);
            assert!(snr > 55.0, "{rate}: {snr} dB of {source:?}");
            world.parts[0].set_source(Source::Microphone);
            world.run(3);
            assert!(world.heard[0].iter().rev().take(40).all(|sample| *sample == 0.0));
            // Neither its beginning nor its end clicks.
            let steepest = 0.3 * std::f32::consts::TAU * 440.0 / rate as f32 * 1.1;
            assert!(world.steepest() < steepest, "{rate}: {} of {source:?}", world.steepest());
        }
    }
}

#[test]
fn who_changes_his_rate_leaves_and_enters_without_a_click() {
    for (before, after) in [(48_000, 8_000), (8_000, 48_000), (16_000, 8_000)] {
        let mut world = World::at(&[before, 48_000, 8_000], &[0.1, 0.2, 0.3], 0.05);
        world.arrange(&[(&[0, 1, 2], true)]);
        world.run(5);
        world.parts[0].set_rate(after);
        let settled = world.settled();
        let wanted = [0.55, 0.45, 0.35, 0.6];
        assert!(settled.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-4), "{before} to {after}: {settled:?}");
        assert!(world.steepest() < 2.0 / 80.0, "{before} to {after}: {}", world.steepest());
    }
}

#[test]
fn members_of_one_rate_are_not_converted() {
    let mut world = World::at(&[8_000, 8_000], &[0.0, 0.0], 0.0);
    world.arrange(&[(&[0, 1], false)]);
    world.run(3);
    let mut said = |n: usize| {
        let noise: Vec<f32> = (0..room::samples(2)).map(|m| ((n * 977 + m * m) % 101) as f32 / 300.0).collect();
        world.mixer.begin();
        for part in &mut world.parts {
            part.said_mut().fill(0.0);
        }
        world.parts[0].said_mut().copy_from_slice(&noise);
        world.parts.iter_mut().for_each(|part| world.mixer.add(part));
        world.mixer.mix();
        world.mixer.take(&mut world.parts[1], &[0.0; TICK]);
        assert_eq!(world.parts[1].heard(), noise, "bit by bit");
    };
    (0..5).for_each(&mut said);
}

#[test]
fn a_room_that_stays_is_not_disturbed_by_others() {
    let mut world = World::new(&[0.1, 0.2, 0.3, 0.1], 0.0);
    world.arrange(&[(&[0, 1], false), (&[2, 3], false)]);
    world.run(5);
    world.heard.iter_mut().for_each(Vec::clear);
    world.arrange(&[(&[2, 3], false)]);
    world.run(5);
    assert!(world.heard[2].iter().all(|sample| (sample - 0.1).abs() < 1e-5));
    near(world.heard[0][2_000], 0.0);
}

#[test]
fn a_muted_member_still_hands_on_what_the_others_say() {
    let mut world = World::new(&[0.1, 0.2], 0.05);
    world.arrange(&[(&[0, 1], true)]);
    world.run(3);
    world.parts[0].muted = true;
    world.assert(&[0.2, 0.15, 0.3]);
    world.parts[0].muted = false;
    world.assert(&[0.25, 0.15, 0.3]);
    assert!(world.steepest() < 2.0 / TICK as f32);
}

#[test]
fn a_source_replaces_the_mouth_and_reaches_a_stream_that_is_nowhere() {
    let clip = Arc::new(Clip::from_samples(&[0.5; 4_800], 48_000).unwrap());
    let mut world = World::new(&[0.1, 0.2, 0.0], 0.05);
    world.arrange(&[(&[0, 1], true)]);
    world.parts[0].set_source(Source::Clip(clip.clone()));
    world.parts[2].set_source(Source::Clip(clip.clone()));
    world.run(20);
    let settled = world.settled();
    assert!((settled[0] - 0.7).abs() < 1e-3 && (settled[2] - 0.5).abs() < 1e-3, "{settled:?}");
    near(settled[1], 0.15);
    near(settled[3], 0.3);
    world.parts[0].set_source(Source::Silence);
    world.parts[2].set_source(Source::Microphone);
    world.assert(&[0.2, 0.15, 0.0, 0.3]);
    world.parts[2].set_source(Source::Tone(Tone::beep()));
    world.run(50);
    assert!(world.heard[2].iter().rev().take(100 * TICK).any(|sample| *sample > 0.05));
    world.parts[0].set_source(Source::Microphone);
    world.assert(&[0.25, 0.15, 0.0, 0.3]);
    // Only the beep itself is steeper than a fade.
    assert!(world.steepest() < 0.1 * std::f32::consts::TAU * 1_000.0 / 48_000.0 * 1.01, "{}", world.steepest());
}

#[test]
fn an_announcement_ends_with_the_microphone() {
    let clip = Arc::new(Clip::from_samples(&[0.5; 4_800], 48_000).unwrap());
    let mut world = World::new(&[0.0], 0.05);
    world.arrange(&[(&[0], true)]);
    world.parts[0].set_source(Source::Once(clip));
    world.run(9);
    assert_eq!(world.played, 0);
    world.run(20);
    assert_eq!(world.played, 1);
    world.assert(&[0.05, 0.0]);
}

#[test]
fn a_tone_and_a_clip_are_for_the_ear_alone() {
    let mut world = World::new(&[0.0], 0.0);
    world.arrange(&[(&[0], true)]);
    world.mixer.play(Some(Tone::beep()));
    world.mixer.play_clip(Some(Arc::new(Clip::from_samples(&[0.2; 4_800], 48_000).unwrap())));
    world.run(5);
    assert!(world.ear.iter().any(|sample| *sample > 0.25));
    assert!(world.heard[0].iter().all(|sample| *sample == 0.0));
    world.mixer.play(None);
    world.mixer.play_clip(None);
    world.run(2);
    assert!(!world.mixer.is_playing());
}

#[test]
fn too_loud_is_bent_and_never_passes_one() {
    let mut world = World::new(&[0.9, 0.9, 0.9], -1.0);
    world.arrange(&[(&[0, 1, 2], true)]);
    let settled = world.settled();
    assert!(settled[3] > 0.9 && settled[3] <= 1.0);
    let mut samples = [0.8, -0.5, -100.0, 0.9];
    limit(&mut samples);
    assert_eq!(samples[..2], [0.8, -0.5]);
    assert!(samples[2] >= -1.0 && samples[3] > 0.8 && samples[3] < 0.9);
}

#[test]
fn there_are_so_many_rooms_and_no_more() {
    let mut mixer = Mixer::default();
    let mut taken = Vec::new();
    for _ in 0..MAX_ROOMS {
        assert!(mixer.place([].into_iter(), false, &mut taken).is_some());
    }
    assert!(mixer.place([].into_iter(), false, &mut taken).is_none());
}
