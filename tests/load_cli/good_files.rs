//! Files as they should be.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::harness::{Folder, Node, data, own_address, write_rows};

#[test]
fn a_file_loads_with_nothing_installed_and_is_read_back() {
    let folder = Folder::new();
    let run = folder.chorus(&[
        "load",
        &data("weather.csv"),
        "--null",
        "NA",
        "--key",
        "origin,time_hour",
        "--to",
        "weather.hourly",
    ]);
    run.ended(0, "embedded in-memory node");
    assert!(run.stdout.contains("26,115 rows"), "{run:#?}");
    assert!(run.stdout.contains("SELECT count(*) FROM weather.hourly\n  26115"), "{run:#?}");
    assert!(!folder.path("weather.csv.rejects.csv").exists());
}

#[test]
fn json_is_one_object_and_nothing_else_on_standard_output() {
    let folder = Folder::new();
    let file = data("airports.csv");
    let run = folder.chorus(&["load", &file, "--key", "faa", "--to", "air.airports", "--json"]);
    run.ended(0, "embedded");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    let mut names: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "client_cpu_seconds",
            "latency_us",
            "read",
            "rejected",
            "retried",
            "rows_per_second",
            "seconds",
            "written"
        ]
    );
    assert_eq!((run.number("read"), run.number("written"), run.number("rejected")), (1458, 1458, 0));
    assert!(report["latency_us"]["p50"].as_u64() <= report["latency_us"]["p999"].as_u64());
}

#[tokio::test]
async fn the_cells_of_the_table_are_the_cells_of_the_file() {
    let (folder, node) = (Folder::new(), Node::start().await);
    let key = ["--null", "NA", "--key", "origin,time_hour"];
    folder.load(&node, &data("weather.csv"), "weather.hourly", &key).ended(0, "");
    assert_eq!(node.count("weather.hourly").await, 26_115);
    let row = node
        .session
        .query(
            "SELECT temp, wind_gust, wind_dir, time_hour FROM weather.hourly \
             WHERE origin = 'EWR' AND time_hour = '2013-01-01T06:00:00Z'",
            (),
        )
        .await
        .unwrap();
    let (temp, gust, direction, hour) =
        row.single_row::<(f64, Option<f64>, i64, chrono::DateTime<chrono::Utc>)>().unwrap();
    assert_eq!((temp, gust, direction), (39.02, None, 270));
    assert_eq!(hour.timestamp(), 1_357_020_000);
}

#[tokio::test]
async fn compressed_files_and_pipes_give_the_same_rows() {
    let (folder, node) =
        (Folder::new(), Node::with_tables(&["airlines (carrier text PRIMARY KEY, name text)"]).await);
    let text = b"carrier,name\n9E,Endeavor Air Inc.\nAA,American Airlines Inc.\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    folder.write("a.csv.gz", gzip.finish().unwrap());
    // The name says nothing: the first bytes do.
    folder.write("zstd.csv", zstd::encode_all(&text[..], 1).unwrap());
    for file in ["a.csv.gz", "zstd.csv"] {
        folder.load(&node, file, "ks.airlines", &[]).ended(0, "");
        assert_eq!(node.count("ks.airlines").await, 2, "{file}");
        node.run("TRUNCATE ks.airlines").await;
    }
    let host = node.address.to_string();
    let mut started = folder.start(&["load", "-", "--to", "ks.airlines", "--host", &host]);
    started.stdin().write_all(text).unwrap();
    started.wait().ended(0, "");
    assert_eq!(node.count("ks.airlines").await, 2);
}

#[tokio::test]
async fn fields_are_renamed_and_left_out() {
    let (folder, node) = (Folder::new(), Node::with_tables(&["t (id int PRIMARY KEY, name text)"]).await);
    folder.write("f.csv", "number,Name,secret\n1,one,x\n");
    folder.load(&node, "f.csv", "ks.t", &["--map", "number=id,-secret"]).ended(0, "");
    let row = node.session.query("SELECT id, name FROM ks.t", ()).await.unwrap();
    assert_eq!(row.single_row::<(i32, String)>().unwrap(), (1, "one".to_owned()));
}

#[tokio::test]
async fn f104_of_two_rows_with_one_key_the_later_wins() {
    let (folder, node) = (Folder::new(), Node::with_tables(&["t (id int PRIMARY KEY, name text)"]).await);
    let mut text = "id,name\n".to_owned();
    for round in 0..50 {
        for id in 0..100 {
            text.push_str(&format!("{id},round {round}\n"));
        }
    }
    folder.write("f.csv", text);
    folder.load(&node, "f.csv", "ks.t", &["--concurrency", "5000"]).ended(0, "");
    let rows = node.session.query("SELECT name FROM ks.t", ()).await.unwrap();
    let names: Vec<_> = rows.rows::<(String,)>().unwrap().map(|row| row.unwrap().0).collect();
    assert_eq!(names.len(), 100);
    assert!(names.iter().all(|name| name == "round 49"), "{names:?}");
}

#[tokio::test]
async fn null_cells_leave_columns_alone_unless_told_to_erase_them() {
    let (folder, node) = (Folder::new(), Node::with_tables(&["t (id int PRIMARY KEY, a text, b int)"]).await);
    node.run("INSERT INTO ks.t (id, a, b) VALUES (1, 'old', 7)").await;
    folder.write("f.csv", "id,a,b\n1,NA,\n");
    let read = async || {
        let row = node.session.query("SELECT a, b FROM ks.t WHERE id = 1", ()).await.unwrap();
        row.single_row::<(Option<String>, Option<i32>)>().unwrap()
    };
    folder.load(&node, "f.csv", "ks.t", &["--null", "NA"]).ended(0, "");
    assert_eq!(read().await, (Some("old".to_owned()), Some(7)));
    folder.load(&node, "f.csv", "ks.t", &["--null", "NA", "--write-nulls"]).ended(0, "");
    assert_eq!(read().await, (None, None));
}

#[tokio::test]
async fn every_type_is_loaded_from_its_text() {
    let table = "everything (id int PRIMARY KEY, a ascii, b bigint, c blob, d boolean, e decimal, f double, g float, \
                 h inet, i smallint, j text, k timestamp, l uuid, m varint, n timeuuid, o date, p time, q tinyint, \
                 r duration, s list<int>, t set<text>, u map<text, int>, v tuple<int, text>, w vector<float, 2>)";
    let (folder, node) = (Folder::new(), Node::with_tables(&[table]).await);
    folder.write(
        "f.csv",
        "id,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w\n\
         1,abc,-5,0x00ff,true,1.50,2.5,0.25,::1,7,é,2013-01-01T06:00:00Z,0f0e0d0c-0b0a-4908-8706-050403020100,\
         123456789123456789123456789,af5943a3-ea3c-11e1-ab63-c42c032279f0,2016-02-29,06:30:00.5,-1,1h30m,\
         \"[1,2]\",\"{'x','y'}\",\"{\"\"k\"\": 3}\",\"(4, 'z')\",\"[1, 2.5]\"\n",
    );
    folder.load(&node, "f.csv", "ks.everything", &[]).ended(0, "");
    let row = node.session.query("SELECT * FROM ks.everything", ()).await.unwrap();
    let columns: Vec<String> = row.columns().iter().map(|column| column.name.to_string()).collect();
    let values = row.single_row::<chorus::Row>().unwrap().values;
    let text = |name: &str| {
        let at = columns.iter().position(|column| column == name).unwrap();
        values[at].as_ref().unwrap_or_else(|| panic!("{name} is null")).to_string()
    };
    let expected = [
        ("b", "-5"),
        ("c", "0x00ff"),
        ("d", "true"),
        ("e", "1.50"),
        ("g", "0.25"),
        ("i", "7"),
        ("j", "'é'"),
        ("l", "0f0e0d0c-0b0a-4908-8706-050403020100"),
        ("m", "123456789123456789123456789"),
        ("q", "-1"),
        ("r", "1h30m"),
        ("s", "[1, 2]"),
        ("t", "{'x', 'y'}"),
        ("u", "{'k': 3}"),
        ("v", "(4, 'z')"),
    ];
    for (name, literal) in expected {
        assert_eq!(text(name), literal, "column {name}");
    }
    assert!(
        text("o").contains("2016-02-29") && text("p").contains("06:30:00.5"),
        "{} {}",
        text("o"),
        text("p")
    );
}

#[tokio::test]
async fn metrics_are_served_while_the_load_runs() {
    let (folder, node) = (Folder::new(), Node::with_tables(&["t (id int PRIMARY KEY, value text)"]).await);
    let port = own_address();
    let (host, metrics) = (node.address.to_string(), port.to_string());
    let mut started =
        folder.start(&["load", "-", "--to", "ks.t", "--host", &host, "--metrics", &metrics, "--json"]);
    let mut pipe = started.stdin();
    pipe.write_all(b"id,value\nbad,row\n").unwrap();
    write_rows(&mut pipe, 0..1000);
    node.wait_for_rows("ks.t", 1000).await;
    let wanted =
        ["chorus_bulk_rows_total{stage=\"written\"} 1000", "chorus_bulk_rows_total{stage=\"rejected\"} 1"];
    let began = Instant::now();
    loop {
        let page = scrape(port);
        if wanted.iter().all(|line| page.lines().any(|found| found == *line)) {
            assert!(page.contains("chorus_request"), "{page}");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(pipe);
    started.wait().ended(1, &format!("http://{port}"));
    assert!(std::net::TcpStream::connect(port).is_err(), "nobody serves when the load is over");
}

fn scrape(address: std::net::SocketAddr) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("the endpoint is up with the load");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: chorus\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}
