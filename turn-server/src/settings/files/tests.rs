//! What files say, and what becomes of those that say nothing any more.

use super::*;

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_file_of_secrets_has_lines_comments_and_blanks() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, expected) in [
        (&b"# secret of the relay\n  s3cret  \n"[..], vec!["s3cret"]),
        (b"s3cret", vec!["s3cret"]),
        (b"\xef\xbb\xbfs3cret\r\n", vec!["s3cret"]),
        (b"new\n\n#old until Sunday\nold\n", vec!["new", "old"]),
        (b"with a blank\n", vec!["with a blank"]),
        (b"\n # nothing\n", vec![]),
    ] {
        let path = write(folder.path(), "secret", bytes);
        assert_eq!(read_secrets(&path).unwrap(), expected, "{}", bytes.escape_ascii());
    }
    let path = write(folder.path(), "secret", b"\xff\xfe");
    assert!(read_secrets(&path).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn a_file_that_is_bad_later_says_what_it_said_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let path = folder.path().join("users");
    assert!(files.users(&path).is_err(), "at first there is nothing to fall back on");
    write(folder.path(), "users", b"ann:one\n");
    assert_eq!(files.users(&path).unwrap().len(), 1);
    for bad in [None, Some(&b"nonsense"[..]), Some(b"\xff")] {
        match bad {
            None => std::fs::remove_file(&path).unwrap(),
            Some(bytes) => drop(write(folder.path(), "users", bytes)),
        }
        assert_eq!(files.users(&path).unwrap().len(), 1, "{bad:?}");
        let complaints = files.take_complaints();
        assert!(complaints.len() == 1 && complaints[0].contains("stands"), "{complaints:?}");
    }
    write(folder.path(), "users", b"ann:one\nbob:two\n");
    assert_eq!(files.users(&path).unwrap().len(), 2);
    assert!(files.take_complaints().is_empty());
}

#[test]
fn what_stands_between_the_blocks_of_a_certificate_need_not_be_text() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let latin = b"# Schl\xfcssel f\xfcr M\xfcnchen\nfriendlyName: \xe9\n";
    let around = |pem: &str| [&latin[..], pem.as_bytes(), &latin[..]].concat();
    let cert = write(folder.path(), "cert.pem", &around(&certificate.pem()));
    let key = write(folder.path(), "key.pem", &around(&key.serialize_pem()));
    assert!(Files::default().identity(&cert, &key).is_ok_and(|identity| identity.is_whole()));
}

#[test]
fn what_may_not_be_read_any_more_is_asked_for() {
    struct Other;
    impl Fetch for Other {
        fn read(&mut self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(b"ann:one\n".to_vec())
        }

        fn stamp(&mut self, _: &Path) -> io::Result<Stamp> {
            Ok(Stamp { written: None, length: 7 })
        }
    }
    let path = Path::new("/nonexistent/users");
    let mut files = Files::default();
    assert_eq!(files.stamp(path), None);
    files.ask(Box::new(Other));
    assert_eq!(files.users(path).unwrap().len(), 1);
    assert_eq!(files.stamp(path).map(|stamp| stamp.length), Some(7));
    assert!(files.take_complaints().is_empty());
}
