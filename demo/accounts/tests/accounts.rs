//! Uses the application over HTTP, as browsers and scripts do.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;

use accounts::{Database, app};
use bulla::KeyRing;
use tokio::runtime::Runtime;

/// The application on a separate port.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Server {
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let database = Database::open("sqlite::memory:").await.unwrap();
            for (name, teams) in
                [("ada", &["readers", "editors"][..]), ("alan", &["readers"]), ("<mallory>", &[])]
            {
                database.add(name, "hunter42", teams).await.unwrap();
            }
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = app(&KeyRing::generate().unwrap(), database).unwrap();
            tokio::spawn(async { axum::serve(listener, app).await });
            address
        });
        Server { address, _runtime: runtime }
    }
}

const NAVIGATION: &str = "sec-fetch-mode: navigate\r\nsec-fetch-site: same-origin\r\n";

/// A browser with its cookies.
#[derive(Clone)]
struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    #[track_caller]
    fn goes_to(&self, location: &str) {
        assert_eq!((self.status, self.header("location")), (303, Some(location)), "{}", self.body);
    }
}

impl Browser {
    fn new(server: &Server) -> Browser {
        Browser { address: server.address, cookies: BTreeMap::new() }
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, form: &str) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let (cookies, host, len) = (cookies.join("; "), self.address, form.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncookie: {cookies}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {len}\r\n\
             {headers}\r\n{form}"
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            if name == "set-cookie" {
                let (cookie, attributes) = value.split_once(';').unwrap();
                let (cookie, value) = cookie.split_once('=').unwrap();
                match attributes.contains("Max-Age=0") {
                    true => self.cookies.remove(cookie),
                    false => self.cookies.insert(cookie.to_owned(), value.to_owned()),
                };
            } else {
                headers.insert(name.to_owned(), value.to_owned());
            }
        }
        Reply { status, headers, body: body.to_owned() }
    }

    fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, NAVIGATION, "")
    }

    fn post(&mut self, path: &str, form: &str) -> Reply {
        self.send("POST", path, NAVIGATION, form)
    }

    #[track_caller]
    fn signed_in(server: &Server, name: &str) -> Browser {
        let mut browser = Browser::new(server);
        browser.post("/login", &format!("name={name}&password=hunter42")).goes_to("/");
        browser
    }
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

#[test]
fn a_guest_signs_in_and_comes_back() {
    let mut browser = Browser::new(&SERVER);
    let page = "/login?next=/restricted%3Fpage%3D2";
    browser.get("/restricted?page=2").goes_to(page);
    assert!(!browser.get(page).body.contains("role=status"));

    for form in
        ["name=ada&password=wrong", "name=nobody&password=hunter42", "name=nobody&password="]
    {
        browser.post(page, form).goes_to(page);
        assert!(browser.get(page).body.contains("The name or the password is wrong."));
        assert!(!browser.get(page).body.contains("role=status"), "the message appears once");
        browser.get("/").goes_to("/login?next=/");
    }

    browser.post(page, "name=ada&password=hunter42").goes_to("/restricted?page=2");
    let body = browser.get("/restricted?page=2").body;
    assert!(body.contains("Hello ada.") && body.contains("ada may read this."), "{body}");
    assert!(!browser.get("/restricted").body.contains("Hello"));
}

#[test]
fn nobody_is_sent_to_another_site_after_signing_in() {
    for next in ["//evil.example", "https://evil.example", "/%5cevil.example"] {
        let mut browser = Browser::new(&SERVER);
        let page = format!("/login?next={next}");
        browser.post(&page, "name=ada&password=hunter42").goes_to("/");
    }
}

#[test]
fn scripts_get_no_redirect() {
    let mut browser = Browser::new(&SERVER);
    let reply = browser.send("GET", "/", "sec-fetch-mode: cors\r\n", "");
    assert_eq!((reply.status, reply.header("location")), (401, None));
    let reply = browser.send("GET", "/", "hx-request: true\r\n", "");
    assert_eq!((reply.status, reply.header("hx-redirect")), (401, Some("/login")));
}

#[test]
fn a_page_needs_the_permissions_of_all_its_guards() {
    for (name, statuses) in [("ada", [200, 200]), ("alan", [200, 403]), ("<mallory>", [403, 403])] {
        let mut browser = Browser::signed_in(&SERVER, name);
        assert_eq!(["/", "/restricted"].map(|path| browser.get(path).status), statuses, "{name}");
    }
}

#[test]
fn a_new_password_signs_out_the_other_devices() {
    let server = Server::start();
    let mut here = Browser::signed_in(&server, "ada");
    let mut elsewhere = Browser::signed_in(&server, "ada");
    let mut alan = Browser::signed_in(&server, "alan");

    here.post("/password", "old=wrong&new=hunter43").goes_to("/password");
    assert!(here.get("/password").body.contains("The password is wrong."));
    assert_eq!(elsewhere.get("/").status, 200);

    let mut stolen = here.clone();
    here.post("/password", "old=hunter42&new=hunter43").goes_to("/");
    assert!(here.get("/").body.contains("All other devices are signed out."));
    for other in [&mut elsewhere, &mut stolen] {
        assert!(other.cookies.contains_key("__Host-session"));
        other.get("/").goes_to("/login?next=/");
        assert!(!other.cookies.contains_key("__Host-session"), "the response deletes the cookie");
    }
    assert_eq!(alan.get("/").status, 200);

    elsewhere.post("/login", "name=ada&password=hunter42").goes_to("/login");
    elsewhere.post("/login", "name=ada&password=hunter43").goes_to("/");
    assert_eq!(here.get("/").status, 200);
}

#[test]
fn a_user_signs_out() {
    let mut browser = Browser::signed_in(&SERVER, "alan");
    assert_eq!(browser.get("/logout").status, 405, "a link must change nothing");
    browser.post("/logout", "").goes_to("/login");
    browser.get("/").goes_to("/login?next=/");
}

#[test]
fn forms_of_other_sites_have_no_session_and_start_none() {
    let foreign = "sec-fetch-mode: navigate\r\nsec-fetch-site: cross-site\r\n";
    let mut browser = Browser::signed_in(&SERVER, "ada");
    for (path, form) in [
        ("/login", "name=alan&password=hunter42"),
        ("/password", "old=hunter42&new=hunter43"),
        ("/logout", ""),
    ] {
        assert_eq!(browser.send("POST", path, foreign, form).status, 403, "{path}");
    }
    assert!(browser.get("/").body.contains("Signed in as ada."));
}

#[test]
fn a_name_is_escaped() {
    let mut browser = Browser::signed_in(&SERVER, "<mallory>");
    let body = browser.get("/login").body;
    assert!(body.contains("Hello &lt;mallory&gt;."), "{body}");
}

/// Comments, blank lines and imports do not count. `src/web.rs` only calls `start`, `end`, `set`
/// and `take`, as it would with any library.
#[test]
fn the_code_for_sessions_has_at_most_25_lines() {
    let code = include_str!("../src/session.rs").split("\nuse crate::").nth(1).unwrap();
    let lines = code.lines().skip(1).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(lines <= 25, "{lines} lines");
}
