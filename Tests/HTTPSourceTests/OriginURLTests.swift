import Testing

@testable import HTTPSource

@Suite struct OriginURLTests {
    @Test func partsOfAnAddress() throws {
        let url = try OriginURL("HTTPS://me:p%40ss@Example.COM:8443/a/b c/app.incfs?token=s%20x&y#sha256=1")
        #expect(url.isSecure && url.host == "example.com" && url.port == 8443)
        #expect(url.credentials == "me:p%40ss")
        #expect(url.path == "/a/b%20c/app.incfs" && url.query == "token=s%20x&y")
        #expect(url.display == "https://example.com:8443/a/b%20c/app.incfs")
        #expect(url.requestText == "https://example.com:8443/a/b%20c/app.incfs?token=s%20x&y")
        #expect(try OriginURL("http://h").requestText == "http://h/")
        #expect(try OriginURL("http://h?x").requestText == "http://h/?x")
        #expect(try OriginURL("http://[::1]:80/x").requestText == "http://[::1]/x")
        #expect(try OriginURL("http://[::1]:81").authority == "[::1]:81")
    }

    @Test(arguments: ["", "ftp://h/x", "http://", "http:///x", "http://h:0/", "http://h:70000/", "http://h:8x/", "http://a b/", "http://\u{e9}/"])
    func badAddresses(_ text: String) { #expect(throws: OriginURL.Invalid.self) { try OriginURL(text) } }

    @Test func filesBesideTheEnvelope() throws {
        let url = try OriginURL("http://u:p@h/rel/1/app.incfs?sig=abc")
        #expect(url.file([])?.requestText == "http://h/rel/1/app.incfs?sig=abc")
        #expect(url.file(Array("packs/0.pack".utf8))?.requestText == "http://h/rel/1/packs/0.pack?sig=abc")
        #expect(url.file([0x61, 0xFF, 0x20, 0x23, 0x25, 0x3F])?.path == "/rel/1/a%FF%20%23%25%3F")
        #expect(url.file(Array("../tree/x".utf8))?.requestText == "http://h/rel/tree/x?sig=abc", "a directory beside the envelope's")
        #expect(url.file(Array("../../../../x".utf8))?.path == "/x")
        #expect(url.file(Array("packs/../x".utf8)) == nil)
        #expect(url.file(Array("..".utf8)) == nil)
        #expect(try OriginURL("http://h").file(Array("x".utf8))?.path == "/x")
    }

    @Test(arguments: [
        ("http://other/x", "http://other/x"), ("//other:81/y?z", "http://other:81/y?z"), ("/root", "http://h/root"),
        ("file", "http://h/a/b/file"), ("../up?q", "http://h/a/up?q"), ("../../../..", "http://h/"), ("./x/./y/", "http://h/a/b/x/y/"),
        ("?n=1", "http://h/a/b/c?n=1"), ("", "http://h/a/b/c?q"), ("HTTPS://s/#f", "https://s/"),
    ])
    func redirects(_ location: String, _ target: String) throws {
        #expect(try OriginURL("http://h/a/b/c?q").following(location).requestText == target)
    }

    @Test func redirectsElsewhereAreRefused() throws {
        let url = try OriginURL("http://h/")
        #expect(throws: OriginURL.Invalid.self) { try url.following("file:///etc/passwd") }
        #expect(throws: OriginURL.Invalid.self) { try url.following("javascript:x") }
    }
}
