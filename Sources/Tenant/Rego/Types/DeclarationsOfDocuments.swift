/// Functions on encodings, whole documents, keys and tokens, as OPA declares them (v1/ast/builtins.go).
extension Declarations {
    static let documents = """
        json.marshal(x: any) y: string
        json.marshal_with_options(x: any, opts: object<indent: string, prefix: string, pretty: boolean>[string: any]) y: string
        json.unmarshal(x: string) y: any
        json.is_valid(x: string) result: boolean
        base64.encode(x: string) y: string
        base64.decode(x: string) y: string
        base64.is_valid(x: string) result: boolean
        base64url.encode(x: string) y: string
        base64url.encode_no_pad(x: string) y: string
        base64url.decode(x: string) y: string
        urlquery.decode(x: string) y: string
        urlquery.encode(x: string) y: string
        urlquery.encode_object(object: object[string: any<string, array[string], set[string]>]) y: string
        urlquery.decode_object(x: string) object: object[string: array[string]]
        yaml.marshal(x: any) y: string
        yaml.unmarshal(x: string) y: any
        yaml.is_valid(x: string) result: boolean
        hex.encode(x: string) y: string
        hex.decode(x: string) y: string
        json.verify_schema(schema: any<string, object[any: any]>) output: array<boolean, any<null, string>>
        json.match_schema(document: any<string, object[any: any]>, schema: any<string, object[any: any]>) output: array<boolean, array[object<desc: string, error: string, field: string, type: string>]>
        graphql.parse(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) output: array<object[any: any], object[any: any]>
        graphql.parse_and_verify(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) output: array<boolean, object[any: any], object[any: any]>
        graphql.parse_query(query: string) output: object[any: any]
        graphql.parse_schema(schema: string) output: object[any: any]
        graphql.is_valid(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) output: boolean
        graphql.schema_is_valid(schema: any<string, object[any: any]>) output: boolean
        rego.parse_module(filename: string, rego: string) output: object[string: any]
        """

    static let cryptography: String = {
        let verifiers = ["rs", "ps", "es"].flatMap { family in
            ["256", "384", "512"].map { size in
                "io.jwt.verify_\(family)\(size)(jwt: string, certificate: string) result: boolean"
            }
        }
        let secrets = ["256", "384", "512"].map { size in
            "io.jwt.verify_hs\(size)(jwt: string, secret: string) result: boolean"
        }
        return (verifiers + secrets + [others]).joined(separator: "\n")
    }()

    private static let others = """
        io.jwt.verify_eddsa(jwt: string, certificate: string) result: boolean
        io.jwt.decode(jwt: string) output: array<object[any: any], object[any: any], string>
        io.jwt.decode_verify(jwt: string, constraints: object[string: any]) output: array<boolean, object[any: any], object[any: any]>
        io.jwt.encode_sign_raw(headers: string, payload: string, key: string) output: string
        io.jwt.encode_sign(headers: object[string: any], payload: object[string: any], key: object[string: any]) output: string
        crypto.x509.parse_certificates(certs: string) output: array[object[string: any]]
        crypto.x509.parse_and_verify_certificates(certs: string) output: array<boolean, array[object[string: any]]>
        crypto.x509.parse_and_verify_certificates_with_options(certs: string, options: object[string: any]) output: array<boolean, array[object[string: any]]>
        crypto.x509.parse_certificate_request(csr: string) output: object[string: any]
        crypto.x509.parse_keypair(cert: string, pem: string) output: object[string: any]
        crypto.x509.parse_rsa_private_key(pem: string) output: object[string: any]
        crypto.parse_private_keys(keys: string) output: array[object[string: any]]
        crypto.md5(x: string) y: string
        crypto.sha1(x: string) y: string
        crypto.sha256(x: string) y: string
        crypto.hmac.md5(x: string, key: string) y: string
        crypto.hmac.sha1(x: string, key: string) y: string
        crypto.hmac.sha256(x: string, key: string) y: string
        crypto.hmac.sha512(x: string, key: string) y: string
        crypto.hmac.equal(mac1: string, mac2: string) result: boolean
        providers.aws.sign_req(request: object[string: any], aws_config: object[string: any], time_ns: number) signed_request: object[any: any]
        """
}
