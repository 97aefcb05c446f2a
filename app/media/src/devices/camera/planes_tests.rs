//! Each form of pixels, with and without padding, short, and as JPEG of every kind that cameras give.

use super::*;
use crate::Now;

const LUMAS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn picture_of(pixels: Pixels, size: [u32; 2], stride: u32, bytes: &[u8]) -> Option<Picture> {
    BufferPlanes::new(BufferLayout::new(pixels, size, stride).unwrap()).picture(bytes, Now::read().monotonic)
}

/// These lines, each with `padding` bytes behind it.
fn lines(lines: &[&[u8]], padding: usize) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain(std::iter::repeat_n(0xee, padding))).collect()
}

/// A picture of 4 by 2 in each form, with luma from 1 to 8, blue differences 100 and 101, red ones 200 and 201; the
/// padding of its further planes is half as much where their lines are half as long.
fn form(pixels: Pixels, padding: usize) -> Vec<u8> {
    let luma = lines(&[&LUMAS[..4], &LUMAS[4..]], padding);
    let plane = |line: &[u8]| lines(&[line], padding / 2);
    match pixels {
        Pixels::Nv12 => [luma, lines(&[&[100, 200, 101, 201]], padding)].concat(),
        Pixels::Nv21 => [luma, lines(&[&[200, 100, 201, 101]], padding)].concat(),
        Pixels::I420 => [luma, plane(&[100, 101]), plane(&[200, 201])].concat(),
        Pixels::Yv12 => [luma, plane(&[200, 201]), plane(&[100, 101])].concat(),
        Pixels::Yuyv => lines(&[&[1, 90, 2, 190, 3, 100, 4, 200], &[5, 110, 6, 210, 7, 102, 8, 202]], padding),
        Pixels::Yvyu => lines(&[&[1, 190, 2, 90, 3, 200, 4, 100], &[5, 210, 6, 110, 7, 202, 8, 102]], padding),
        Pixels::Uyvy => lines(&[&[90, 1, 190, 2, 100, 3, 200, 4], &[110, 5, 210, 6, 102, 7, 202, 8]], padding),
        Pixels::Rgb | Pixels::Bgr | Pixels::Mjpeg => panic!("another test's"),
    }
}

#[test]
fn pixels_come_to_their_places_and_padding_does_not() {
    use Pixels::{I420, Nv12, Nv21, Uyvy, Yuyv, Yv12, Yvyu};
    for pixels in [Nv12, Nv21, I420, Yv12, Yuyv, Yvyu, Uyvy] {
        for padding in [0, 2, 64] {
            let stride = pixels.line(4) + padding;
            let bytes = form(pixels, padding);
            for bytes in [bytes.clone(), [bytes, vec![9; 100]].concat()] {
                let picture = picture_of(pixels, [4, 2], stride as u32, &bytes).unwrap();
                assert_eq!(picture.y(), LUMAS, "{pixels:?} {padding}");
                let chroma = (picture.u(), picture.v());
                assert_eq!(chroma, ([100, 101].as_slice(), [200, 201].as_slice()), "{pixels:?} {padding}");
            }
        }
    }
}

#[test]
fn colours_become_luma_and_differences() {
    // White, black, red and blue, each two by two pixels (BT.601, limited range).
    let (white, black, red, blue) = ([255; 3], [0; 3], [255, 0, 0], [0, 0, 255]);
    let line = [white, white, black, black, red, red, blue, blue].concat();
    let [y, u, v] = [[235, 16, 82, 41], [128, 128, 90, 240], [128, 128, 240, 110]];
    for padding in [0, 8] {
        let rgb = lines(&[&line, &line], padding);
        let swapped: Vec<u8> = line.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*b, *g, *r]).collect();
        let bgr = lines(&[&swapped, &swapped], padding);
        for (pixels, bytes) in [(Pixels::Rgb, rgb), (Pixels::Bgr, bgr)] {
            let picture = picture_of(pixels, [8, 2], 24 + padding as u32, &bytes).unwrap();
            let lumas: Vec<u8> = picture.y().iter().copied().step_by(2).take(4).collect();
            assert_eq!((&lumas[..], picture.u(), picture.v()), (&y[..], &u[..], &v[..]), "{pixels:?} {padding}");
        }
    }
}

#[test]
fn what_is_short_or_no_picture_is_none() {
    use Pixels::{Bgr, I420, Nv12, Nv21, Rgb, Uyvy, Yuyv, Yv12, Yvyu};
    for pixels in [Nv12, Nv21, I420, Yv12, Yuyv, Yvyu, Uyvy, Rgb, Bgr] {
        let needs = match pixels {
            Nv12 | Nv21 | I420 | Yv12 => 12,
            Yuyv | Yvyu | Uyvy | Rgb | Bgr | Pixels::Mjpeg => 2 * pixels.line(4),
        };
        assert!(picture_of(pixels, [4, 2], 0, &vec![0; needs]).is_some());
        for length in 0..needs {
            assert!(picture_of(pixels, [4, 2], 0, &vec![0; length]).is_none(), "{pixels:?} {length}");
        }
    }
    for bytes in [&[][..], &[0xff, 0xd8, 0xff, 0xd9], &[0; 64], &[0xff; 64]] {
        assert!(picture_of(Pixels::Mjpeg, [64, 48], 0, bytes).is_none());
    }
}

#[test]
fn the_range_becomes_limited() {
    assert_eq!([LUMA[0], LUMA[128], LUMA[255]], [16, 126, 235]);
    assert_eq!([CHROMA[0], CHROMA[128], CHROMA[255]], [16, 128, 240]);
}

/// 64 by 48, rising to the right and downwards, with the usual tables (made by libjpeg, quality 60).
const COLOUR: &[u8] = include_bytes!("testdata/colour.jpg");
const ONE_COMPONENT: &[u8] = include_bytes!("testdata/grey.jpg");

/// Without the segments that name tables.
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (jpeg[..2].to_vec(), 2);
    loop {
        let length = 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] == 0xda {
            return [&out, &jpeg[at..]].concat();
        }
        if jpeg[at + 1] != 0xc4 {
            out.extend_from_slice(&jpeg[at..at + length]);
        }
        at += length;
    }
}

#[test]
fn a_jpeg_is_read_whatever_its_camera_leaves_out_or_puts_in() {
    let read = |bytes: &[u8]| picture_of(Pixels::Mjpeg, [64, 48], 0, bytes);
    let expected = read(COLOUR).unwrap();
    let open = &COLOUR[..COLOUR.len() - 2];
    let (head, rest) = COLOUR.split_at(2);
    for bytes in [
        without_tables(COLOUR),
        open.to_vec(),
        without_tables(open),
        [&[0, 0xff, 1][..], COLOUR, &[1, 2, 3]].concat(),
        [head, &[0; 7], rest].concat(),
        // The buffer still holds an older, longer picture behind this one.
        [COLOUR, &COLOUR[500..]].concat(),
    ] {
        let picture = read(&bytes).unwrap();
        assert_eq!((picture.y(), picture.u(), picture.v()), (expected.y(), expected.u(), expected.v()));
    }
    // Half a picture is none.
    assert!(read(&COLOUR[..COLOUR.len() / 2]).is_none() && read(&open[..open.len() - 100]).is_none());
    assert!(picture_of(Pixels::Mjpeg, [64, 64], 0, COLOUR).is_none(), "another size");
}

#[test]
fn a_jpeg_of_one_component_is_grey() {
    let grey = picture_of(Pixels::Mjpeg, [64, 48], 0, ONE_COMPONENT).unwrap();
    assert!(grey.u().iter().chain(grey.v()).all(|difference| *difference == 128));
    let far = grey
        .y()
        .iter()
        .zip(picture_of(Pixels::Mjpeg, [64, 48], 0, COLOUR).unwrap().y())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(far.is_some_and(|far| far < 40), "its luma is that of the coloured one: {far:?}");
    assert!(grey.y().iter().max().zip(grey.y().iter().min()).is_some_and(|(most, least)| most - least > 100));
}
