//! Samples and colors of TIFF files.

use crate::samples::quarters;
use crate::tiff_samples::{
    BLACK_IS_ZERO, CIE_LAB, CMYK, COLOR_MAP, EXTRA_SAMPLES, KINDS, PALETTE, PLANAR_CONFIGURATION,
    REFERENCE_BLACK_WHITE, RGB, SAMPLE_FORMAT, WHITE_IS_ZERO, YCBCR, YCBCR_SUBSAMPLING, grays, open,
    rgb_page, shown,
};
use crate::tiff_writer::{Page, Values};

fn near(result: &[[u8; 3]], expected: &[[u8; 3]], tolerance: u8) {
    let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > tolerance;
    assert_eq!(result.len(), expected.len());
    for (result, expected) in result.iter().zip(expected) {
        assert!(
            !result.iter().zip(expected).any(differs),
            "{result:?}, not {expected:?}"
        );
    }
}

#[test]
fn every_byte_order_and_size_is_read() {
    for kind in KINDS {
        let decoded = open(&rgb_page().write(kind));
        assert_eq!(decoded.image, quarters(), "{kind:?}");
        assert_eq!((decoded.metadata.width, decoded.metadata.height), (40, 24));
    }
}

#[test]
fn gray_of_every_depth_is_scaled() {
    let gray =
        |bits, content: &[u8], width| shown(Page::new((width, 1), BLACK_IS_ZERO, &[bits], content.to_vec()));
    assert_eq!(gray(1, &[0b1010_0000], 3), grays(&[255, 0, 255]));
    assert_eq!(gray(2, &[0b0001_1011], 4), grays(&[0, 85, 170, 255]));
    assert_eq!(gray(4, &[0x0F, 0x80], 3), grays(&[0, 255, 136]));
    assert_eq!(gray(12, &[0xFF, 0xF8, 0x00], 2), grays(&[255, 128]));
    assert_eq!(gray(16, &[0x80, 0x80, 0xFF, 0xFF], 2), grays(&[128, 255]));
    assert_eq!(gray(32, &[0, 0, 0, 0x40, 0, 0, 0, 0xFF], 2), grays(&[64, 255]));
    let inverted = Page::new((2, 1), WHITE_IS_ZERO, &[8], vec![0, 200]);
    assert_eq!(shown(inverted), grays(&[255, 55]));
}

#[test]
fn palettes_of_16_and_8_bits_are_applied() {
    let page = |map: Vec<u16>| {
        Page::new((4, 1), PALETTE, &[4], vec![0x01, 0x10]).with(COLOR_MAP, Values::Shorts(map))
    };
    let mut map = vec![0; 48];
    (map[0], map[17], map[33]) = (0xFFFF, 0x8080, 0x4040);
    let expected = [[255, 0, 0], [0, 128, 64], [0, 128, 64], [255, 0, 0]];
    assert_eq!(shown(page(map.clone())), expected);
    let short_map = map.iter().map(|value| value >> 8).collect();
    assert_eq!(shown(page(short_map)), expected);
}

#[test]
fn alpha_is_composited_and_extra_samples_ignored() {
    let rgba = |kind: Option<u16>, pixel: [u8; 4]| {
        let page = Page::new((1, 1), RGB, &[8; 4], pixel.to_vec());
        shown(match kind {
            Some(kind) => page.short(EXTRA_SAMPLES, kind),
            None => page,
        })
    };
    assert_eq!(rgba(Some(2), [200, 0, 0, 51]), [[244, 204, 204]]);
    // Associated: 40 of 51 is 200 of 255.
    assert_eq!(rgba(Some(1), [40, 0, 0, 51]), [[244, 204, 204]]);
    assert_eq!(rgba(Some(0), [200, 0, 0, 51]), [[200, 0, 0]]);
    assert_eq!(rgba(None, [200, 0, 0, 0]), [[255; 3]]);
    let gray = Page::new((1, 1), BLACK_IS_ZERO, &[8; 2], vec![0, 51]).short(EXTRA_SAMPLES, 2);
    assert_eq!(shown(gray), [[204; 3]]);
}

#[test]
fn inks_and_planes_become_rgb() {
    let cmyk = |content: &[u8]| Page::new((2, 1), CMYK, &[8; 4], content.to_vec());
    let expected = [[0, 255, 255], [0, 128, 128]];
    let side_by_side = cmyk(&[255, 0, 0, 0, 255, 0, 0, 127]);
    assert_eq!(shown(side_by_side), expected);
    let planes = vec![vec![255, 255], vec![0, 0], vec![0, 0], vec![0, 127]];
    let planar = cmyk(&[]).short(PLANAR_CONFIGURATION, 2).strips(planes);
    assert_eq!(shown(planar), expected);
}

#[test]
fn lab_is_converted_through_its_white() {
    // sRGB red and blue.
    let content = vec![138, 81, 70, 75, 68, 144];
    let page = Page::new((2, 1), CIE_LAB, &[8; 3], content.clone());
    near(&shown(page), &[[255, 0, 0], [0, 0, 255]], 3);
    let deep = content.iter().flat_map(|&byte| [0, byte]).collect();
    near(
        &shown(Page::new((2, 1), CIE_LAB, &[16; 3], deep)),
        &[[255, 0, 0], [0, 0, 255]],
        3,
    );
}

#[test]
fn subsampled_ycbcr_is_converted() {
    // Two blocks of 2 × 2: red and gray 100. The image is 3 pixels wide, so that the second is cut.
    let content = vec![76, 76, 76, 76, 85, 255, 100, 100, 100, 100, 128, 128];
    let page = Page::new((3, 2), YCBCR, &[8; 3], content);
    let row = [[254, 0, 0], [254, 0, 0], [100; 3]];
    near(&shown(page.clone()), &[row, row].concat(), 1);
    // Video levels: 16 is black, 235 is white.
    let levels = [16, 235, 128, 240, 128, 240].map(|level| (level, 1)).to_vec();
    let video = Page::new((1, 2), YCBCR, &[8; 3], vec![235, 128, 128, 16, 128, 128])
        .with(YCBCR_SUBSAMPLING, Values::Shorts(vec![1, 1]))
        .with(REFERENCE_BLACK_WHITE, Values::Rationals(levels));
    assert_eq!(shown(video), grays(&[255, 0]));
    let planes = vec![vec![76, 76, 100, 76, 76, 100], vec![85, 128], vec![255, 128]];
    let planar = page.short(PLANAR_CONFIGURATION, 2).strips(planes);
    near(&shown(planar), &[row, row].concat(), 1);
}

#[test]
fn floats_are_linear_light() {
    let content = [0.0_f32, 0.5, 1.0]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    let page = Page::new((3, 1), BLACK_IS_ZERO, &[32], content).short(SAMPLE_FORMAT, 3);
    assert_eq!(shown(page), grays(&[0, 188, 255]));
    let half = vec![0x00, 0x38, 0x00, 0x3C, 0x00, 0x00];
    let page = Page::new((1, 1), RGB, &[16; 3], half).short(SAMPLE_FORMAT, 3);
    assert_eq!(shown(page), [[188, 255, 0]]);
    // Beyond 1, a scene is tone mapped.
    let scene = [100.0_f64, 1.0].into_iter().flat_map(f64::to_le_bytes).collect();
    let page = Page::new((2, 1), BLACK_IS_ZERO, &[64], scene).short(SAMPLE_FORMAT, 3);
    let result = shown(page);
    assert!(
        result[0][0] > 200 && (20..120).contains(&result[1][0]),
        "{result:?}"
    );
}
