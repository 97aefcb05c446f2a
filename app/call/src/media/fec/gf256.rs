//! Arithmetic of the field of 256 elements (polynomial x^8 + x^4 + x^3 + x^2 + 1), and a Cauchy code over it.
//!
//! Any `k` of `k + r` shards give the `k` back (maximum distance separable). Plain Rust over whole lines: the compiler
//! makes vector instructions of it, and 9 shards of 1200 bytes with 4 of repair cost some tens of microseconds. Owns
//! nothing.

/// Bytes that are worked on together, so that they fit vector registers.
const LINE: usize = 32;
/// The polynomial without its highest bit.
const POLYNOMIAL: u8 = 0x1d;
/// Shards of one code word, data and repair.
pub(super) const MOST_SHARDS: usize = 128;

/// Twice the element.
const fn double(element: u8) -> u8 {
    (element << 1) ^ (POLYNOMIAL & (element >> 7).wrapping_neg())
}

const fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        product ^= a & (b & 1).wrapping_neg();
        a = double(a);
        b >>= 1;
    }
    product
}

/// One over the element; nothing is one over zero, which gives zero.
const fn invert(element: u8) -> u8 {
    // element^254: all elements but zero give one to the power of 255.
    let mut result = 1;
    let mut power = element;
    let mut exponent: u8 = 254;
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = multiply(result, power);
        }
        power = multiply(power, power);
        exponent >>= 1;
    }
    result
}

/// The coefficient of a data shard in a repair shard. Both numbers are below [`MOST_SHARDS`].
fn coefficient(repair: u8, data: u8) -> u8 {
    // A Cauchy matrix: rows from the upper half of the field, columns from the lower one.
    invert((0x80 | repair) ^ data)
}

/// Adds `factor` times `from` to `to`, as far as both reach.
fn add_multiple(to: &mut [u8], from: &[u8], factor: u8) {
    let (lines, rest) = from.as_chunks::<LINE>();
    let (to_lines, to_rest) = to.split_at_mut((lines.len() * LINE).min(to.len()));
    for (to, from) in to_lines.as_chunks_mut::<LINE>().0.iter_mut().zip(lines) {
        let mut power = *from;
        for bit in 0..8 {
            let mask = (factor >> bit & 1).wrapping_neg();
            to.iter_mut().zip(&power).for_each(|(to, power)| *to ^= power & mask);
            power.iter_mut().for_each(|element| *element = double(*element));
        }
    }
    to_rest.iter_mut().zip(rest).for_each(|(to, from)| *to ^= multiply(*from, factor));
}

/// A repair shard of `length` bytes over data shards, each of which counts as filled with zeros.
pub(super) fn repair_shard(number: u8, data: &[&[u8]], length: usize) -> Vec<u8> {
    let mut shard = vec![0; length];
    for (index, data) in (0_u8..).zip(data) {
        add_multiple(&mut shard, data, coefficient(number, index));
    }
    shard
}

/// The missing ones of `count` data shards, in their order; `None` where there are fewer repair shards than missing
/// ones, or numbers that are none. All repair shards are as long as the first.
pub(super) fn recover(count: u8, data: &[(u8, &[u8])], repair: &[(u8, &[u8])]) -> Option<Vec<(u8, Vec<u8>)>> {
    let missing: Vec<u8> = (0..count).filter(|number| data.iter().all(|(known, _)| known != number)).collect();
    let repair = repair.get(..missing.len())?;
    let is_good = |number: &u8| usize::from(*number) < MOST_SHARDS;
    if !is_good(&count) || !repair.iter().all(|(number, _)| is_good(number)) {
        return None;
    }
    let length = repair.first().map_or(0, |(_, shard)| shard.len());
    // What the missing ones alone would give.
    let mut right: Vec<Vec<u8>> = Vec::new();
    let mut left: Vec<Vec<u8>> = Vec::new();
    for (number, shard) in repair {
        let mut rest = shard.to_vec();
        rest.resize(length, 0);
        for (index, known) in data.iter().filter(|(index, _)| *index < count) {
            add_multiple(&mut rest, known, coefficient(*number, *index));
        }
        right.push(rest);
        left.push(missing.iter().map(|index| coefficient(*number, *index)).collect());
    }
    solve(&mut left, &mut right)?;
    Some(missing.into_iter().zip(right).collect())
}

/// Solves by elimination; `right` holds the answers. `None` for a matrix that has none, which a Cauchy matrix of
/// different numbers never is.
fn solve(left: &mut [Vec<u8>], right: &mut [Vec<u8>]) -> Option<()> {
    for column in 0..left.len() {
        let pivot = (column..left.len()).find(|row| entry(left, *row, column) != 0)?;
        left.swap(column, pivot);
        right.swap(column, pivot);
        let scale = invert(entry(left, column, column));
        let row: Vec<u8> = left.get(column)?.iter().map(|element| multiply(*element, scale)).collect();
        let mut shard = vec![0; right.get(column)?.len()];
        add_multiple(&mut shard, right.get(column)?, scale);
        for other in (0..left.len()).filter(|other| *other != column) {
            let factor = entry(left, other, column);
            add_multiple(left.get_mut(other)?, &row, factor);
            add_multiple(right.get_mut(other)?, &shard, factor);
        }
        *left.get_mut(column)? = row;
        *right.get_mut(column)? = shard;
    }
    Some(())
}

fn entry(matrix: &[Vec<u8>], row: usize, column: usize) -> u8 {
    matrix.get(row).and_then(|row| row.get(column)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha12Rng;

    use super::*;

    #[test]
    fn every_element_but_zero_has_an_inverse() {
        assert!((1..=255).all(|element| multiply(element, invert(element)) == 1));
        assert_eq!((multiply(0x80, 2), invert(0)), (POLYNOMIAL, 0));
    }

    #[test]
    fn any_so_many_shards_give_the_data_back() {
        let mut rng = ChaCha12Rng::seed_from_u64(11);
        for (data_count, repair_count) in [(1, 1), (1, 3), (4, 2), (9, 4), (20, 10), (40, 20), (64, 64)] {
            for _ in 0..20 {
                let shard =
                    |length: usize, rng: &mut ChaCha12Rng| (0..length).map(|_| rng.random()).collect::<Vec<u8>>();
                let data: Vec<Vec<u8>> = (0..data_count)
                    .map(|_| {
                        let length = rng.random_range(1..=117);
                        shard(length, &mut rng)
                    })
                    .collect();
                let length = data.iter().map(Vec::len).max().unwrap();
                let slices: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
                let repair: Vec<_> = (0..repair_count).map(|n| (n, repair_shard(n, &slices, length))).collect();
                let lost = rng.random_range(0..=usize::from(repair_count)).min(data.len());
                let mut came: Vec<(u8, &[u8])> = (0_u8..).zip(slices.iter().copied()).collect();
                let mut repair: Vec<(u8, &[u8])> = repair.iter().map(|(n, shard)| (*n, shard.as_slice())).collect();
                for _ in 0..lost {
                    came.swap_remove(rng.random_range(0..came.len()));
                }
                for _ in lost..usize::from(repair_count) {
                    repair.swap_remove(rng.random_range(0..repair.len()));
                }
                let found = recover(data_count, &came, &repair).unwrap();
                assert_eq!(found.len(), lost);
                for (number, shard) in found {
                    let mut expected = data[usize::from(number)].clone();
                    expected.resize(length, 0);
                    assert_eq!(shard, expected);
                }
            }
        }
    }

    #[test]
    fn too_little_repair_and_absurd_numbers_give_nothing() {
        let data = [1_u8, 2, 3];
        assert_eq!(recover(2, &[], &[(0, &data)]), None);
        assert_eq!(recover(200, &[], &[(0, &data)]), None);
        assert_eq!(recover(1, &[], &[(200, &data)]), None);
        assert_eq!(recover(2, &[], &[(3, &data), (3, &data)]), None, "the same one twice");
        assert_eq!(recover(1, &[(0, &data)], &[]), Some(vec![]));
        assert!(recover(1, &[(77, &data)], &[(0, &data)]).is_some(), "a number that is none is not looked at");
    }
}
