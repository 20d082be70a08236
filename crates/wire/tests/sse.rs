//! Laws of the SSE decoder: frames do not depend on where the chunks were cut, and no byte is lost.

use bytes::Bytes;
use proptest::prelude::*;
use steersman_wire::sse::{Frame, SseDecoder, SseError, write_comment, write_frame};

/// What a stream says: event name and data of each frame that has data, and all bytes put together again.
fn read(chunks: &[&[u8]]) -> (Vec<(Option<String>, String)>, Vec<u8>) {
    let mut decoder = SseDecoder::new(1 << 16);
    let (mut said, mut raw) = (Vec::new(), Vec::new());
    let mut keep = |frame: &Frame| {
        raw.extend_from_slice(frame.raw());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Some(data) = frame.data() {
            said.push((frame.event().map(text), text(data)));
        }
    };
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = decoder.next_frame().expect("small frames") {
            assert!(frame.terminated());
            keep(&frame);
        }
    }
    if let Some(rest) = decoder.finish() {
        assert!(!rest.terminated());
        keep(&rest);
    }
    (said, raw)
}

fn pieces<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let mut start = 0;
    let mut piece = |cut: usize| {
        let piece = stream.get(start..cut).expect("cuts are sorted and within the stream");
        start = cut;
        piece
    };
    cuts.into_iter().map(&mut piece).collect()
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = proptest::sample::select(vec![
        "data: {\"a\":1}",
        "data:x",
        "data: ",
        "data",
        ": ping",
        "event: delta",
        "id: 7",
        "retry: 10",
        "",
        "",
        "unknown: y",
        "data:  two spaces",
        "é: ü",
    ]);
    let end = proptest::sample::select(vec!["\n", "\r", "\r\n"]);
    (any::<bool>(), proptest::collection::vec((line, end), 0..24)).prop_map(|(bom, lines)| {
        let mut stream = if bom { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
        stream.extend(lines.into_iter().flat_map(|(line, end)| [line, end].concat().into_bytes()));
        stream
    })
}

/// The standard's algorithm, line by line over the whole stream, without any of our machinery.
fn reference(stream: &[u8]) -> Vec<(Option<String>, String)> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (mut said, mut event, mut data) = (Vec::new(), None, None::<String>);
    let mut lines: Vec<&str> = text.split('\n').collect();
    let unfinished = lines.pop().unwrap_or_default();
    for line in lines.into_iter().chain([unfinished, ""]) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (line.is_empty(), field) {
            (true, _) => {
                if let Some(data) = data.take() {
                    said.push((event.take(), data));
                }
                event = None;
            }
            (false, "event") => event = Some(value.to_owned()),
            (false, "data") => data = Some(data.map_or_else(|| value.to_owned(), |known| format!("{known}\n{value}"))),
            _ => {}
        }
    }
    said
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_the_cuts_and_no_byte_is_lost(stream in stream(), cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
        let (said, raw) = read(&pieces(&stream, &cuts));
        prop_assert_eq!(&raw, &stream);
        prop_assert_eq!(said, reference(&stream));
    }

    #[test]
    fn any_bytes_come_out_as_they_went_in(stream in proptest::collection::vec(any::<u8>(), 0..200), cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
        let (said, raw) = read(&pieces(&stream, &cuts));
        prop_assert_eq!(said, read(&[&stream]).0);
        prop_assert_eq!(raw, stream);
    }

    #[test]
    fn what_is_written_is_read(event in proptest::option::of("[a-z_.]{1,12}"), data in "[^\r]{0,40}", comment in any::<String>()) {
        let mut stream = Vec::new();
        write_comment(&mut stream, &comment);
        write_frame(&mut stream, event.as_deref(), data.as_bytes());
        prop_assert_eq!(read(&[&stream]).0, vec![(event, data)]);
    }
}

#[test]
fn a_stream_is_the_same_when_it_is_cut_at_every_byte() {
    let stream = b"event: a\r\ndata: one\r\ndata: two\r\n\r\n: ping\n\ndata: three\r\rdata: [DONE]\n\n";
    let whole = read(&[stream]);
    assert_eq!(whole.0.len(), 3);
    for cut in 0..=stream.len() {
        assert_eq!(read(&pieces(stream, &[cut])), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(read(&bytes), whole);
}

#[test]
fn a_frame_within_one_chunk_is_a_slice_of_it() {
    let chunk = Bytes::from_static(b"data: one\n\ndata: two\n\ndata: th");
    let mut decoder = SseDecoder::new(1 << 10);
    decoder.push(chunk.clone());
    for start in [0, 11] {
        let frame = decoder.next_frame().expect("small").expect("complete");
        assert_eq!(frame.raw().as_ptr(), chunk[start..].as_ptr());
    }
}

#[test]
fn a_frame_without_end_is_refused_at_the_limit() {
    let mut decoder = SseDecoder::new(64);
    let mut refused = None;
    for _ in 0..100 {
        decoder.push(Bytes::from_static(b"data: x"));
        if let Err(error) = decoder.next_frame() {
            refused = Some(error);
            break;
        }
    }
    assert_eq!(refused, Some(SseError::FrameTooLarge { limit_bytes: 64 }));
}

#[test]
fn a_frame_does_not_wait_for_the_byte_after_it() {
    let mut decoder = SseDecoder::new(64);
    decoder.push(Bytes::from_static(b"data: x\r\n\r"));
    let frame = decoder.next_frame().expect("small").expect("complete without the last line feed");
    assert_eq!(frame.data(), Some(&b"x"[..]));
    decoder.push(Bytes::from_static(b"\ndata: y\n\n"));
    let frame = decoder.next_frame().expect("small").expect("complete");
    assert_eq!(frame.raw().as_ref(), b"\ndata: y\n\n");
    assert_eq!(frame.data(), Some(&b"y"[..]));
}
