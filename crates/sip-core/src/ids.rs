//! Branches, tags, Call-IDs and every other random value, out of one seed.
//!
//! The same seed mints the same values, so a run can be replayed.

use crate::header::COOKIE;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::ops::RangeInclusive;

/// A source of random values.
#[derive(Clone)]
pub struct Mint(ChaCha8Rng);

/// 64 letters that are token and word characters, so no value needs quoting anywhere.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Mint {
    /// Of a seed, which should be unpredictable: tags and Call-IDs keep strangers out of dialogs (RFC 3261 §19.3).
    pub fn new(seed: [u8; 32]) -> Mint {
        Mint(ChaCha8Rng::from_seed(seed))
    }

    /// A seed for a part that mints on its own.
    pub fn child(&mut self) -> [u8; 32] {
        self.bytes()
    }

    /// A branch with the magic cookie (RFC 3261 §8.1.1.7) and 96 random bits behind it.
    pub fn branch(&mut self) -> String {
        format!("{COOKIE}{}", self.word(16))
    }

    /// A tag of 72 random bits; RFC 3261 §19.3 asks for 32.
    pub fn tag(&mut self) -> String {
        self.word(12)
    }

    /// A Call-ID of 144 random bits and no host, which would tell an address (RFC 3323 §4.1.1.1).
    pub fn call_id(&mut self) -> String {
        self.word(24)
    }

    /// The client's nonce of digest authentication, 120 random bits.
    pub fn cnonce(&mut self) -> String {
        self.word(20)
    }

    /// `len` random letters of 6 bits each, all of them token characters.
    pub fn word(&mut self, len: usize) -> String {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 63)])).collect()
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number of the range, each as likely as the other but for one part in 2³².
    pub fn within(&mut self, range: RangeInclusive<u32>) -> u32 {
        let (low, high) = (u64::from(*range.start()), u64::from(*range.end()));
        let width = high.saturating_sub(low) + 1;
        (low + ((u64::from(self.u32()) * width) >> 32)) as u32
    }

    /// The first CSeq number of a dialog: random, with room for 2³⁰ requests below 2³¹ (RFC 3261 §8.1.1.5).
    pub fn cseq(&mut self) -> u32 {
        self.within(1..=0x3fff_ffff)
    }
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::is_token;

    #[test]
    fn one_seed_one_series() {
        let (mut a, mut b) = (Mint::new([7; 32]), Mint::new([7; 32]));
        let series = |m: &mut Mint| (m.branch(), m.tag(), m.call_id(), m.child(), m.u64());
        let first = series(&mut a);
        assert_eq!(first, series(&mut b));
        assert_ne!(first, series(&mut a));
        assert_ne!(first, series(&mut Mint::new([8; 32])));
    }

    #[test]
    fn words_are_tokens_of_their_length() {
        let mut mint = Mint::new([1; 32]);
        let branch = mint.branch();
        assert!(branch.starts_with("z9hG4bK") && branch.len() == 23 && is_token(&branch));
        assert!(is_token(&mint.tag()) && is_token(&mint.call_id()));
    }

    #[test]
    fn ranges_hold_at_their_ends() {
        let mut mint = Mint::new([2; 32]);
        assert_eq!(mint.within(5..=5), 5);
        let all: std::collections::BTreeSet<_> = (0..200).map(|_| mint.within(3..=6)).collect();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!((0..100).all(|_| (1..1 << 30).contains(&mint.cseq())));
    }
}
