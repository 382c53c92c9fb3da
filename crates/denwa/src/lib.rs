//! A SIP softphone library: one small typed API over signalling, call control and audio
