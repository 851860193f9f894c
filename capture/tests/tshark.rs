//! A packet analyser reads what the writer writes: DoIP, UDS, interfaces, comments, nanoseconds.

use std::path::PathBuf;
use std::process::Command;

use capture::Writer;
use record::Instant;

#[test]
#[ignore = "needs tshark 4.0 or newer on the path"]
fn tshark_dissects_doip_and_shows_interface_time_and_comment() {
    let path = write_capture();
    let fields = [
        "frame.interface_name",
        "frame.time_epoch",
        "doip.type",
        "uds.sid",
        "_ws.malformed",
        "frame.comment",
    ];
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&path).args(["-T", "fields", "-E", "separator=|"]);
    tshark.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = tshark.output().expect("tshark is on the path");
    std::fs::remove_file(&path).expect("the capture was written");
    let text = String::from_utf8(output.stdout).expect("tshark prints UTF-8");
    insta::assert_snapshot!(text, @"
    tester|0.000000001|0x8001|0x22||
    vehicle|1.250000000|0x8001|0x22||frame 12 lost (burst)
    ");
}

fn write_capture() -> PathBuf {
    let path = std::env::temp_dir().join(format!("benchcar-{}.pcapng", std::process::id()));
    let file = std::fs::File::create(&path).expect("the temporary directory can be written");
    let mut writer = Writer::new(file, "a test").expect("the file takes bytes");
    let tester = writer.interface("tester", "at the tester").expect("the file takes bytes");
    let vehicle = writer.interface("vehicle", "at the vehicle").expect("the file takes bytes");
    let request = |port| doip_over_tcp(port, &[0x22, 0xF1, 0x90]);
    let lost = Some("frame 12 lost (burst)");
    writer.frame(tester, Instant::from_nanos(1), &request(1), None).expect("the file takes bytes");
    writer
        .frame(vehicle, Instant::from_millis(1_250), &request(2), lost)
        .expect("the file takes bytes");
    writer.finish().expect("the file takes bytes");
    path
}

/// An Ethernet frame with a DoIP diagnostic message from 0EF3 to 0010 in a TCP segment.
///
/// Each port is a connection: the same bytes seen twice on one would pass for a retransmission.
fn doip_over_tcp(port: u8, uds: &[u8]) -> Vec<u8> {
    let mut doip = vec![0x02, 0xFD, 0x80, 0x01, 0, 0, 0, 4 + uds.len() as u8];
    doip.extend_from_slice(&[0x0E, 0xF3, 0x00, 0x10]);
    doip.extend_from_slice(uds);
    let mut frame = vec![2, 0, 0, 0xBC, 0, 1, 2, 0, 0, 0xBC, 0, 2, 8, 0];
    frame.extend_from_slice(&[0x45, 0, 0, 40 + doip.len() as u8, 0, 1, 0x40, 0, 64, 6, 0, 0]);
    frame.extend_from_slice(&[169, 254, 0, 2, 169, 254, 0, 1]);
    frame.extend_from_slice(&[0xC0, port, 0x34, 0x58, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18]);
    frame.extend_from_slice(&[0xFF, 0xFF, 0, 0, 0, 0]);
    frame.extend_from_slice(&doip);
    frame
}
