/// Init-data documents with what no vector has.
enum InitDataSeeds {
    static var documents: [[UInt8]] {
        let agent = """
            # An agent's configuration.
            [token_configs.kbs]
            url = "https://kbs.example:8080/\\u00e9\\U0001F600"
            cert = \"\"\"
            -----BEGIN CERTIFICATE-----\\
                  MIIB\\b\\t\\n\\f\\r\\"\\\\\"\"\"\"\"
            "quoted key".'literal key'.bare-key_1 = true
            [image]
            numbers = [ 1, -2, +3, 0x1F, 0o17, 0b11, 1_000, 1.5, -2e3, 6.02E+23, false, ] # all kinds
            inline = { a = 1, b.c = [ {}, { d = 'e' } ], f = "g" }
            empty = []
            [[list]]
            name = 'one'
            [[list]]
            name = 'two'
            [list.below]
            deep = [[[[[[[[1]]]]]]]]
            """
        let policy =
            "package agent_policy\ndefault AllowRequestsFailingPolicy := false\npolicy_data := {\"a\":[{\"b\":1.5}]}"
        let whole = """
            version = "0.1.0"
            algorithm = "sha384"
            [data]
            "aa.toml" = '''
            \(agent)
            '''
            "cdh.toml" = '''
            socket = 'unix:///run/cdh.sock'
            credentials = []
            [kbc]
            name = "cc_kbc"\r
            url = 'http://127.0.0.1:8080''''''
            "policy.rego" = '''
            \(policy)
            '''
            "testudo.json" = "{\\"version\\":1}"
            "" = ""
            """
        let short = "algorithm=\"SHA-256\"\nversion=\"0.1.0\"\ndata={\"policy.rego\"=\"policy_data := []\",x='y'}\n"
        let wrong = "version = \"0\"\nalgorithm = \"sha512\"\n[data]\nnumber = 1\n[data.table]\n"
        return [whole, agent, short, wrong].map { Array($0.utf8) }
    }
}
