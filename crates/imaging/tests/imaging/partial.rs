//! Files that are cut off or otherwise unusual and yet show something.

use crate::samples::{encoded, quarters};
use eidetic_imaging::{DecodeLimits, DecodedImage, ImagingError, classify, decode};
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgba, RgbaImage};

fn open(bytes: &[u8]) -> DecodedImage {
    decode(bytes, &DecodeLimits::default()).expect("something to show")
}

/// 64 × 64 pixels of noise, which no format compresses to a few bytes.
fn noise() -> DynamicImage {
    let mut state = 1_u32;
    let image = image::RgbImage::from_fn(64, 64, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 24) as u8, (state >> 16) as u8 & 0xF0, 40])
    });
    DynamicImage::ImageRgb8(image)
}

#[test]
fn beginning_of_cut_files_is_shown() {
    use ImageFormat as F;
    for format in [F::Png, F::Bmp, F::Qoi, F::Pnm, F::Tga, F::Tiff] {
        let bytes = encoded(&noise(), format);
        let whole = open(&bytes);
        assert_eq!(whole.damage, None, "{format:?}");
        let half = match format {
            // The directory is at the end of the file that is written here, so only its strip is cut.
            F::Tiff => tiff_without_end(),
            _ => bytes[..bytes.len() / 2].to_vec(),
        };
        let cut = open(&half);
        let reason = cut.damage.expect("a mark");
        assert!(reason.starts_with("only "), "{reason}");
        assert_eq!(cut.image.dimensions(), (64, 64), "{format:?}");
        // BMP has its last row first.
        let row = if format == F::Bmp { 60 } else { 3 };
        assert_eq!(
            cut.image.get_pixel(9, row),
            whole.image.get_pixel(9, row),
            "{format:?}"
        );
    }
}

fn tiff_without_end() -> Vec<u8> {
    use crate::tiff_writer::{LITTLE, Page, Values};
    let content = noise().into_rgb8().into_raw();
    let end = (8 + content.len()) as u32;
    let half = content.len() / 2;
    let page = Page::new((64, 64), 2, &[8; 3], content.clone())
        .with(278, Values::Longs(vec![32]))
        .strips(vec![content[..half].to_vec(), Vec::new()])
        .with(273, Values::Longs(vec![8, end * 9]));
    page.write(LITTLE)
}

#[test]
fn nothing_to_show_is_damage() {
    use ImageFormat as F;
    for (format, header) in [(F::Png, 33), (F::Bmp, 54), (F::Gif, 13), (F::Tga, 18)] {
        let bytes = encoded(&noise(), format);
        let answer = decode(&bytes[..header], &DecodeLimits::default());
        assert!(
            matches!(answer, Err(ImagingError::Damaged { .. })),
            "{format:?}: {answer:?}"
        );
    }
}

#[test]
fn png_with_wrong_checksums_is_shown() {
    let mut png = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Png);
    let end = png.len();
    // The checksum of the last IDAT chunk, before the 12 bytes of IEND.
    png[end - 13] ^= 1;
    let decoded = open(&png);
    assert_eq!(decoded.image, quarters());
    assert_eq!(
        decoded.damage.as_deref(),
        Some("the file is damaged, though its whole picture could be read")
    );
}

fn animation(frames: Vec<RgbaImage>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).expect("writing into memory");
    for image in frames {
        let frame = Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(100, 1));
        encoder.encode_frame(frame).expect("writing into memory");
    }
    drop(encoder);
    bytes
}

#[test]
fn gif_that_is_cut_shows_its_rows() {
    let bytes = animation(vec![noise().into_rgba8()]);
    let whole = open(&bytes).image;
    let cut = open(&bytes[..bytes.len() * 3 / 4]);
    assert_eq!(cut.image.get_pixel(20, 5), whole.get_pixel(20, 5));
    assert!(cut.damage.expect("a mark").starts_with("only "));
}

#[test]
fn frame_beyond_screen_enlarges_it() {
    let mut gif = animation(vec![DynamicImage::ImageRgb8(quarters()).into_rgba8()]);
    gif[6..10].copy_from_slice(&[10, 0, 10, 0]);
    let decoded = open(&gif);
    assert_eq!(decoded.image.dimensions(), (40, 24));
    assert_eq!(decoded.damage, None);
}

#[test]
fn blank_first_frames_are_passed_over() {
    let blank = RgbaImage::from_pixel(40, 24, Rgba([0, 0, 0, 255]));
    let picture = DynamicImage::ImageRgb8(quarters()).into_rgba8();
    let shown = open(&animation(vec![blank.clone(), blank.clone(), picture.clone()])).image;
    assert_eq!(shown, quarters());
    let first = open(&animation(vec![picture, blank.clone()])).image;
    assert_eq!(first, quarters());
    let nothing = open(&animation(vec![blank.clone(), blank])).image;
    assert!(nothing.pixels().all(|pixel| pixel.0 == [0; 3]));
}

#[test]
fn animated_png_and_webp_pass_over_blank_frames() {
    let blank = vec![0_u8; 40 * 24 * 4];
    let picture = DynamicImage::ImageRgb8(quarters()).into_rgba8().into_raw();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 40, 24);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(2, 0).expect("two frames");
    let mut writer = encoder.write_header().expect("writing into memory");
    writer.write_image_data(&blank).expect("writing into memory");
    writer.write_image_data(&picture).expect("writing into memory");
    writer.finish().expect("writing into memory");
    assert!(open(&png).image == quarters());
    // The decoder's blending may round down.
    let webp = open(&animated_webp(&[&blank, &picture])).image;
    let worst = webp
        .iter()
        .zip(quarters().iter())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(worst <= Some(1), "{worst:?}");
}

/// Lossless frames of 40 × 24 pixels, each drawn over the ones before.
fn animated_webp(frames: &[&[u8]]) -> Vec<u8> {
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let length = (content.len() as u32).to_le_bytes();
        let padding = vec![0; content.len() % 2];
        [name.as_slice(), &length, content, &padding].concat()
    };
    let size = [three(39), three(23)].concat();
    let mut body = b"WEBP".to_vec();
    body.extend(chunk(b"VP8X", &[[0x12, 0, 0, 0].as_slice(), &size].concat()));
    body.extend(chunk(b"ANIM", &[0; 6]));
    for frame in frames {
        let mut file = Vec::new();
        image_webp::WebPEncoder::new(&mut file)
            .encode(frame, 40, 24, image_webp::ColorType::Rgba8)
            .expect("writing into memory");
        // Position, size, duration, flags, then the chunk of the still picture.
        let head = [three(0), three(0), size.clone(), three(100), vec![0]].concat();
        body.extend(chunk(b"ANMF", &[head.as_slice(), &file[12..]].concat()));
    }
    chunk(b"RIFF", &body)
}

#[test]
fn tga_without_footer_is_recognized() {
    let tga = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Tga);
    let old = &tga[..tga.len() - 26];
    let decoded = open(old);
    assert_eq!((decoded.image, decoded.damage), (quarters(), None));
    // Names decide which of such files are looked at.
    let kind = classify(&old[..64], "x.tga".as_ref());
    assert_eq!(kind, eidetic_imaging::FileKind::Image(decoded.metadata.format));
}

#[test]
fn unstated_alpha_of_tga_counts_unless_zero() {
    const DESCRIPTOR: usize = 17;
    let open = |alpha: u8| {
        let picture = RgbaImage::from_pixel(4, 4, Rgba([200, 0, 0, alpha]));
        let mut tga = encoded(&DynamicImage::ImageRgba8(picture), ImageFormat::Tga);
        tga[DESCRIPTOR] &= !15;
        let decoded = decode(&tga, &DecodeLimits::default()).expect("it is whole");
        decoded.image.get_pixel(1, 1).0
    };
    assert_eq!(open(0), [200, 0, 0]);
    assert_eq!(open(255), [200, 0, 0]);
    assert_eq!(open(51), [244, 204, 204]);
}

#[test]
fn bmp_of_os2_version_2_is_read() {
    let bmp = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Bmp);
    let header = usize::from(bmp[14]);
    let pixels = &bmp[14 + header..];
    for size in [16_usize, 64] {
        let offset = (14 + size) as u32;
        let mut old = bmp[..10].to_vec();
        old.extend(offset.to_le_bytes());
        old.extend([size as u8, 0, 0, 0]);
        let mut info = bmp[18..30].to_vec();
        info.resize(size - 4, 0);
        old.extend(info);
        old.extend(pixels);
        assert_eq!(open(&old).image, quarters(), "{size}");
    }
}

/// Fuzzing found that the rest of the file was made up to the limit of pixels: gigabytes.
#[test]
fn comment_without_end_costs_little() {
    let file = b"P2\n4 4\n255\n1 2 3 # this goes on".as_slice();
    match decode(file, &DecodeLimits::default()) {
        Ok(decoded) => assert_eq!(decoded.image.dimensions(), (4, 4)),
        Err(error) => assert!(error.to_string().starts_with("damaged PNM"), "{error}"),
    }
}
