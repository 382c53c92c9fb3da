use super::*;

fn packet(bytes: impl Into<Bytes>) -> Packet {
    let address = "10.0.0.1:5060".parse().unwrap();
    Packet::udp(address, address, bytes)
}

fn rtp() -> Packet {
    packet(vec![0x80; 172])
}

#[test]
fn a_run_is_drawn() {
    let mut ladder = Ladder::new();
    let (a, pbx, b) = (ladder.column("1001"), ladder.column("pbx"), ladder.column("1002"));
    let ms = Duration::from_millis;
    let invite =
        "INVITE sip:1002@10.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";
    ladder.packet(ms(0), a, pbx, &packet(invite), true);
    ladder.packet(ms(500), a, pbx, &packet(invite), false);
    ladder.packet(ms(520), pbx, a, &packet("SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n"), true);
    ladder.packet(ms(530), pbx, b, &packet("INVITE sip:1002@10.0.0.3 SIP/2.0\r\n\r\n"), false);
    ladder.note(ms(600), "1002 rings");
    for i in 0..50 {
        ladder.packet(ms(1_000 + i * 20), a, b, &rtp(), i % 10 == 0);
        ladder.packet(ms(1_010 + i * 20), b, a, &rtp(), false);
    }
    ladder.packet(ms(2_000), a, pbx, &packet("\r\n\r\n"), false);
    ladder.packet(ms(2_010), b, pbx, &packet("what is this"), false);
    let bye = Packet { protocol: Protocol::Tcp, ..packet("BYE sip:10.0.0.2 SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n") };
    ladder.packet(ms(12_345), b, a, &bye, false);
    insta::assert_snapshot!(ladder);
}
