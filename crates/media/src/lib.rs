//! The audio path: RTP, codecs, jitter buffer, devices and the media thread
