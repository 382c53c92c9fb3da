//! Whole phones against a whole PBX, or each other, over loopback sockets: one scenario a file. Everything here waits for
//! what it expects, with a limit; nothing sleeps to let something happen.
#![allow(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod answer_second;
mod busy;
mod cancel_unanswered;
mod context;
mod dtmf_echo;
mod early_media;
mod echo_sound;
mod events_dropped;
mod garbage;
mod hang_up_by_peer;
mod hold_resume;
mod incoming_answered_via_pbx;
mod incoming_cancelled;
mod incoming_reject;
mod keys;
mod last_handle_dropped;
mod mute;
mod negotiated_sound;
mod no_common_codec;
mod packet_time;
mod park;
mod register;
mod several;
mod shutdown_mid_call;
mod sounds;
mod support;
mod tcp_call;
mod transfer;
mod trio;
mod two_phones_direct;
mod unknown_number;
mod unreachable_server;
mod unregister;
mod wrong_password;
