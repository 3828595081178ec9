//! The parameters of an image's file.

use serde::Deserialize;
use utoipa::IntoParams;

/// In which form a file is sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileParams {
    /// 1: formats that browsers do not show, such as TIFF, become JPEG of at most 4,096 pixels a side.
    #[param(value_type = Option<String>, pattern = "^[01]$")]
    view: Option<FileForm>,
}

/// The form of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum FileForm {
    /// Byte for byte.
    #[default]
    #[serde(rename = "0")]
    Original,
    /// In a format that browsers show.
    #[serde(rename = "1")]
    Viewable,
}

impl FileParams {
    pub(crate) fn form(&self) -> FileForm {
        self.view.unwrap_or_default()
    }
}
