//! Numbers of tags (CIPA DC-008, and those that Windows adds).

/// Numbers of tags in the first directory.
pub mod main_tag {
    pub const IMAGE_DESCRIPTION: u16 = 0x010E;
    pub const SOFTWARE: u16 = 0x0131;
    pub const ARTIST: u16 = 0x013B;
    pub const RATING: u16 = 0x4746;
    pub const RATING_PERCENT: u16 = 0x4749;
    pub const COPYRIGHT: u16 = 0x8298;
    pub const XP_TITLE: u16 = 0x9C9B;
    pub const XP_COMMENT: u16 = 0x9C9C;
    pub const XP_AUTHOR: u16 = 0x9C9D;
    pub const XP_KEYWORDS: u16 = 0x9C9E;
    pub const XP_SUBJECT: u16 = 0x9C9F;
}

/// Numbers of tags in the EXIF directory.
pub mod photo_tag {
    pub const EXPOSURE_TIME: u16 = 0x829A;
    pub const F_NUMBER: u16 = 0x829D;
    pub const ISO: u16 = 0x8827;
    pub const STANDARD_OUTPUT_SENSITIVITY: u16 = 0x8831;
    pub const RECOMMENDED_EXPOSURE_INDEX: u16 = 0x8832;
    pub const OFFSET_TIME: u16 = 0x9010;
    pub const OFFSET_TIME_ORIGINAL: u16 = 0x9011;
    pub const OFFSET_TIME_DIGITIZED: u16 = 0x9012;
    pub const SHUTTER_SPEED: u16 = 0x9201;
    pub const APERTURE: u16 = 0x9202;
    pub const FOCAL_LENGTH: u16 = 0x920A;
    pub const USER_COMMENT: u16 = 0x9286;
    pub const SUB_SECONDS: u16 = 0x9290;
    pub const SUB_SECONDS_ORIGINAL: u16 = 0x9291;
    pub const SUB_SECONDS_DIGITIZED: u16 = 0x9292;
    pub const FOCAL_LENGTH_35MM: u16 = 0xA405;
    pub const LENS_SPECIFICATION: u16 = 0xA432;
    pub const LENS_MODEL: u16 = 0xA434;
}

/// Numbers of tags in the GPS directory.
pub mod gps_tag {
    pub const ALTITUDE_REF: u16 = 5;
    pub const ALTITUDE: u16 = 6;
    pub const TIME: u16 = 7;
    pub const DATE: u16 = 29;
}
