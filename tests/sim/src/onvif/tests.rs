//! The device itself: it answers what the standard asks, and nothing else.

use super::*;

#[tokio::test]
async fn a_question_that_is_not_as_the_standard_writes_it_is_refused_and_remembered() {
    let device = OnvifDevice::start("127.0.0.1:0".parse().unwrap(), OnvifSettings::default());
    let device = device.await.unwrap();
    let namespace = "http://www.onvif.org/ver10/device/wsdl";
    let right = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><GetScopes xmlns=\"{namespace}\"></GetScopes></s:Body></s:Envelope>"
    );
    let action = format!("{namespace}/GetScopes");
    for (action, body, expected) in [
        (action.as_str(), right.as_str(), "HTTP/1.1 200"),
        (
            &action,
            &right.replace("GetScopes", "GetUsers"),
            "HTTP/1.1 400",
        ),
        (
            &action,
            &right.replace("2003/05", "2001/12"),
            "HTTP/1.1 400",
        ),
        ("GetScopes", &right, "HTTP/1.1 400"),
    ] {
        let answer = ask(device.address(), action, body).await;
        assert!(answer.starts_with(expected), "{action} {body}: {answer}");
    }
    let wrong = device
        .asked()
        .iter()
        .filter(|asked| asked.wrong.is_some())
        .count();
    assert_eq!((device.connections(), wrong), (4, 3));
}

async fn ask(address: SocketAddr, action: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /onvif/device_service HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/soap+xml; action=\"{action}\"\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
