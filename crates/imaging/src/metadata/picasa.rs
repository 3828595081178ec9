//! `.picasa.ini`: what Picasa keeps about all pictures of a folder.

use std::collections::HashMap;

use eidetic_domain::Details;

use super::text;

/// What the file says about the picture `name`.
pub fn read(bytes: &[u8], name: &str) -> Details {
    let ini = String::from_utf8_lossy(bytes);
    let mut contacts = HashMap::new();
    let mut properties = HashMap::new();
    let mut section = "";
    for line in ini.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = title;
        } else if let Some((key, value)) = line.split_once('=') {
            if section.eq_ignore_ascii_case(name) {
                properties.insert(key.trim(), value.trim());
            } else if matches!(section, "Contacts" | "Contacts2") {
                let contact = value.split(';').next().unwrap_or_default();
                contacts.insert(key.trim().to_ascii_lowercase(), contact.trim());
            }
        }
    }
    let get = |key| properties.get(key).copied().unwrap_or_default();
    let faces = get("faces").split(';').filter_map(|face| face.rsplit_once(','));
    let people = faces.filter_map(|(_, contact)| contacts.get(&contact.trim().to_ascii_lowercase()));
    Details {
        description: text::long(get("caption")),
        keywords: text::distinct(get("keywords").split(',').map(ToOwned::to_owned)),
        people: text::distinct(people.map(|name| (*name).to_owned())),
        label: (get("star") == "yes").then(|| "Star".to_owned()),
        ..Details::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_are_named_by_contacts() {
        let ini = b"[Picasa]\nname=Trip\n[Contacts2]\n8e62398ebda8c1a5=Ada Lovelace;;\n1b=Bo;;\n\
            [IMG_1.JPG]\nstar=yes\ncaption=At the lake\nkeywords=sea,ship\n\
            faces=rect64(3f845bcb59418507),8e62398ebda8c1a5;rect64(1),ffffffffffffffff;rect64(2),1B\n\
            [IMG_2.JPG]\ncaption=Other\n";
        let details = read(ini, "img_1.jpg");
        assert_eq!(details.people, ["Ada Lovelace", "Bo"]);
        assert_eq!(details.description.as_deref(), Some("At the lake"));
        assert_eq!(details.keywords, ["sea", "ship"]);
        assert_eq!(details.label.as_deref(), Some("Star"));
        assert_eq!(read(ini, "IMG_3.JPG"), Details::default());
    }
}
