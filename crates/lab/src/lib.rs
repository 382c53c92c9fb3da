//! A world in a box: virtual clock, bad networks and a small PBX for tests
