use super::*;

fn tone(samples: usize, start: usize) -> Vec<f32> {
    (start..start + samples).map(|n| 0.5 * (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin()).collect()
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
}

#[test]
fn a_tone_goes_through_every_codec_at_every_ptime() {
    for codec in [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma] {
        for ptime in [10, 20, 40, 60] {
            let config = CodecConfig { ptime, ..CodecConfig::new(codec, 0) };
            let mut encoder = Encoder::new(&config).unwrap();
            let mut decoder = Decoder::new(codec).unwrap();
            let (mut payload, mut out) = (Vec::new(), Vec::new());
            let samples = ptime as usize * 48;
            for frame in 0..1_200 / ptime as usize {
                encoder.encode(&tone(samples, frame * samples), &mut payload).unwrap();
                if frame > 0 {
                    assert_eq!(duration(codec, &payload), Some(codec.clock_rate() * ptime / 1_000));
                }
                decoder.decode(&payload, &mut out).unwrap();
            }
            assert!(out.len().abs_diff(48 * 1_200) < 200, "{codec:?} {ptime}: {}", out.len());
            let power = power(&out[24_000..]);
            assert!((power - 0.125).abs() < 0.03, "{codec:?} {ptime}: {power}");
        }
    }
}

#[test]
fn fec_comes_with_loss_and_recovers_the_packet_before() {
    let mut encoder = Encoder::new(&CodecConfig::new(Codec::Opus, 0)).unwrap();
    let mut payload = Vec::new();
    let mut encode = |encoder: &mut Encoder, from: usize| -> Vec<Vec<u8>> {
        (from..from + 20)
            .map(|frame| {
                let voice: Vec<_> = (0..960)
                    .map(|n| (frame * 960 + n) as f32 / 48_000.0)
                    .map(|t| 0.3 * (t * 1_100.0).sin() * (1.0 + (t * 20.0).sin()) + 0.1 * (t * 3_000.0).sin())
                    .collect();
                encoder.encode(&voice, &mut payload).unwrap();
                payload.clone()
            })
            .collect()
    };
    assert!(!encode(&mut encoder, 0).iter().any(|packet| libopus::has_fec(packet)), "no FEC without loss");
    encoder.set_loss(0.15);
    let packets = encode(&mut encoder, 20);
    assert!(packets[5..].iter().any(|packet| libopus::has_fec(packet)), "FEC under loss");
    let mut decoder = Decoder::new(Codec::Opus).unwrap();
    let mut out = Vec::new();
    for packet in &packets[..10] {
        decoder.decode(packet, &mut out).unwrap();
    }
    out.clear();
    assert!(decoder.recover(&packets[11], 960, &mut out));
    assert!(out.len() == 960 && power(&out) > 0.01, "{}", power(&out));
}

/// Where the peer reads it, heavy loss brings redundancy that fills a hole of half a dozen packets.
#[test]
fn deep_redundancy_fills_a_long_hole() {
    let mut encoder = Encoder::new(&CodecConfig { dred: true, ..CodecConfig::new(Codec::Opus, 0) }).unwrap();
    encoder.set_loss(0.2);
    let voice: Vec<f32> = (0..48_000 * 2)
        .map(|n| n as f32 / 48_000.0)
        .map(|t| (1..9).map(|k| (t * 880.0 * k as f32).sin() / k as f32).sum::<f32>() * 0.2 * (1.0 + (t * 20.0).sin()))
        .collect();
    let mut payload = Vec::new();
    let packets: Vec<Vec<u8>> = voice
        .chunks_exact(960)
        .map(|frame| {
            encoder.encode(frame, &mut payload).unwrap();
            payload.clone()
        })
        .collect();
    let mut decoder = Decoder::new(Codec::Opus).unwrap();
    let mut out = Vec::new();
    packets[..80].iter().for_each(|packet| decoder.decode(packet, &mut out).unwrap());
    let good = power(&out[48_000..]);
    out.clear();
    for lost in (1..=6).rev() {
        assert!(decoder.recover_deep(&packets[86], 86, lost * 960, 960, &mut out), "{lost} before");
    }
    assert!(out.len() == 6 * 960 && power(&out) > good * 0.3, "{} of {good}", power(&out));
    assert!(!decoder.recover_deep(&packets[86], 86, 960 * 45, 960, &mut out), "so far back it does not go");
    encoder.set_loss(0.0);
    let mut lengths = |encoder: &mut Encoder| {
        encoder.encode(&voice[..960], &mut payload).unwrap();
        payload.len()
    };
    let without: usize = (0..20).map(|_| lengths(&mut encoder)).sum();
    assert!(without < 20 * 90, "nothing is lost, nothing is repeated: {without}");
}

#[test]
fn silence_is_not_sent_with_dtx() {
    let config = CodecConfig { dtx: true, ..CodecConfig::new(Codec::Opus, 0) };
    let mut encoder = Encoder::new(&config).unwrap();
    let mut payload = Vec::new();
    let sent = (0..100).filter(|_| {
        encoder.encode(&[0.0; 960], &mut payload).unwrap();
        !payload.is_empty()
    });
    assert!(sent.count() < 40);
}

#[test]
fn broken_payloads_are_errors() {
    assert_eq!(duration(Codec::Opus, &[]), None);
    assert_eq!(duration(Codec::Opus, &[3]), None);
    assert_eq!(duration(Codec::Pcmu, &[]), None);
    assert_eq!(duration(Codec::Pcmu, &[0; 961]), None);
    assert_eq!(duration(Codec::Pcmu, &[0; 960]), Some(960));
    let mut out = vec![1.0];
    assert!(Decoder::new(Codec::Opus).unwrap().decode(&[0xff, 0xff], &mut out).is_err());
    assert_eq!(out, [1.0]);
}

#[test]
fn a_lost_g711_packet_sounds_on_and_fades() {
    let mut encoder = Encoder::new(&CodecConfig::new(Codec::Pcmu, 0)).unwrap();
    let mut decoder = Decoder::new(Codec::Pcmu).unwrap();
    let (mut payload, mut out) = (Vec::new(), Vec::new());
    for frame in 0..10 {
        encoder.encode(&tone(960, frame * 960), &mut payload).unwrap();
        decoder.decode(&payload, &mut out).unwrap();
    }
    let good = power(&out[8_000..]);
    out.clear();
    decoder.conceal(960, &mut out);
    assert!(power(&out) > good * 0.6, "{} of {good}", power(&out));
    let steepest = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.1, "a click: {steepest}");
    out.clear();
    for _ in 0..4 {
        decoder.conceal(960, &mut out);
    }
    assert_eq!(power(&out[2_880..]), 0.0);
}
