//! The name of this gateway among those that share a database: the same after a restart, and no other's.
//!
//! It stands in the data folder, with the name of the machine in it: a folder that was copied to another machine names
//! another gateway, since a name that two living gateways share would end the older one's right to send.

use std::path::Path;

use steersman_core::RequestId;

use crate::cli::Failure;

const FILE: &str = "instance";

/// Reads the name, or makes one.
pub(crate) fn name(data: &Path) -> Result<String, Failure> {
    let (path, machine) = (data.join(FILE), machine());
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((of, _)) = known.trim().rsplit_once('/')
        && of == machine
    {
        return Ok(known.trim().to_owned());
    }
    let fresh = format!("{machine}/{}", RequestId::new(0));
    std::fs::write(&path, format!("{fresh}\n"))
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))?;
    Ok(fresh)
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_and_a_copied_folder_gets_another() {
        let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = name(data.path()).unwrap();
        assert_eq!(name(data.path()).unwrap(), first);
        assert_ne!(name(other.path()).unwrap(), first);
        std::fs::write(other.path().join(FILE), format!("elsewhere-{first}")).unwrap();
        assert_ne!(name(other.path()).unwrap(), format!("elsewhere-{first}"));
    }
}
