/// Messages made by joserfc 1.6.5 (Python) for these keys; each holds `hello from joserfc`.
enum JoseVectors {
    static let plaintext = Array("hello from joserfc".utf8)

    static let p256Key = "OnamQaNkW1hhOooN_A2j27A4ZxTB5BROsXDrkaTd7bo"
    static let p256 =
        #"{"protected":"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0yNTYiLCJ4Ij"#
        + #"oia1VWYjM5ZTZxbUJnOENrNVgwYnJtOEt2MnZnTHppQWlsTHJWZVlXWHV0ayIsInkiOiJKTDNMTWdJeFBwVG9WNnhFeXhGeUE0UG"#
        + #"c0M1NteWlxM3RCb3RqRGtfS2xVIiwia3R5IjoiRUMifX0","encrypted_key":"MUSnhrudpDQrmXpRF1Bv7vcGgY0a5AkGt8Bj"#
        + #"xKsMzqs57qpgkYtmag","iv":"EgSx05SnpgS9ljFr","ciphertext":"ECaxmSR3jEqslu7B9ixcU39t","tag":"sPH0dJemt"#
        + #"Fbn2bzEmQ3b0w"}"#

    static let p521Key = "AdGUV6QulaijlwAURmrVeRK4X98jP0UZkb-Zan6z7WsIpEDZnFIzs1X7kPLvW2wsyjN5VZJbiNH4X2UGg4cXLbUI"
    static let p521 =
        #"{"protected":"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC01MjEiLCJ4Ij"#
        + #"oiQUJSOEl6SGxxOVVfc1EtMXRkdEdxenoxTng3OGlpODRQV3ZGZWFFeE14TE04dlVKZHNHaWgyV1F6V1RVcUhPS24yZWxia1IzRV"#
        + #"paVXpiZ3dtS0ZEVTVUbyIsInkiOiJBR01scmdEX19lc1FJaFJ5VzdCMUloTG9CX2E1bWZCUHM1azBfS0tKcGlRR2h6Z3psdVVBVT"#
        + #"BYNTUxR3ZfWDk4NExzc2JHLVRRMmJYQkZMTHVHZzU1ckxSIiwia3R5IjoiRUMifX0","encrypted_key":"KBMwr4R3uZWFNonY"#
        + #"gif3ZcpKN1MkGxqd0i-3WWAiwpb-GXRsc6qSVA","iv":"TzROcIyji33FZagh","ciphertext":"qMPdEVYokyJt2yUdoruxR-"#
        + #"Ek","tag":"qu5Inw2MOARfBDepp6RQlg"}"#

    /// With `apu` and `apv` in the header.
    static let partiesKey = "tbU93QSa9G3eljZ_CrxAx5t2NGjISXEKvljxdkJBhWU"
    static let parties =
        #"{"protected":"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJhcHUiOiJRV3hwWTJVIiwiYXB2IjoiUW"#
        + #"05aSIsImVwayI6eyJjcnYiOiJQLTI1NiIsIngiOiJ1WnNPcjhWcHBLTUtxMmh4SHctMFN0TnV1Q3RPVzRLSlRsaE1vUzhiZ0Q4Ii"#
        + #"wieSI6IkRxbko0b19iRE9tU091SmZGX1l5MkhFNjRTcGtiRmdsaEZOTDczOFBqc00iLCJrdHkiOiJFQyJ9fQ","encrypted_key"#
        + #"":"ynSyqFK008qNdb7DIzwRXm_t-IIgjPzsdIzeLYFhdf6PNc3MUFea-A","iv":"q7MLglQxcfeBuS2r","ciphertext":"GJD"#
        + #"XQk2msx5p1JOwH-_4KqVh","tag":"AHKGwf1y-lfUnJCwpLcy1A"}"#

    static let rsa =
        #"{"protected":"eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0","encrypted_key":"j5_Kt4s4su8rPlQx"#
        + #"l9Ds02NHIahok-IN9s2k8jZsx4ZUTa4iKFwgq9xqKvFHb1jBqZLS_WvWcPCYvV3PHwjStgIq2ZbA1GX9hu-Or7F8QyePJHMeoNmw"#
        + #"RxBY6mwTNx48XLNkrFh0IyYmGqL_FjjILOMM_0qA3WSEOWm9BoVHu1Rs2kHjLRdHJal4mHD4hc4tRKbjaL6rcSQppijFLnVxxgUB"#
        + #"_a-6m66H1L3HWv6xO5zeSot1TglVmLM_NFcYdrWEewHCyGbirFN9Jg3CQKGNBuiJh0LyDyO2R7qKcZC0HqEFquMqM3qHmmoE37s-"#
        + #"Qqo1_-l2rEeDhJNghMXY8RVVuw","iv":"56IsOwP8joMY1zYU","ciphertext":"Zorpc3KA84vH82WYGdAnuFIk","tag":"H"#
        + #"5fA_Svwf16cvSv0m-xsEA"}"#

    static let rsaKey = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCrREP5POZLzQvb
        mlBrWrx08MjqmL5RnypninLJTzo5/9CDGLw5geheGGXrYjEqbK4Mpm/mDuawTEdh
        q9/iTVlYyVTKi7tOu5xE3+pegnBOBVTZ/KKy0UqODb44zm79Gsfkaf73DnM80FoX
        PQApAHUBv4xPVi57ReerfKJjSzYm6OREOSX/ypv/B75vuHVGHeTvmnCBVOX/71W1
        GDljEPuux8FTciHeeaT2vx7i8r4kpek2JTyCBOG1SKDIUROtU3JNRVGdyWNKPDDY
        FLM9U6Bcn30Zr/CgqDoRsfbnNMKtje6Ak2piS5HQJU5M5a1KOTQplpFgYIYkj4Pl
        OUAIJq2pAgMBAAECggEADY1Eiql6uJdEP691exUuMdumrkeBUcCUMKa4H/1EqHe5
        RlJT/IHuwtlP4UD/DnIUkJwv4QafUuZqRIx+1e+UaQ3fR3qoitmWCy4jo7BTFh1e
        YjRXJGqiqVxlh6WwCxeOJyELA34ReMesxUd2pofqekWvosx5N5hntT5StCQsqAXm
        9x9FIJcyq+ik78yrMdUXW4htDe/2o2lCQcS/4K2fdQyhMqhktlR67py2R53LdKDa
        wLkronruXt+q+WgL/hawS7I4EOkbv2lAJZycWxq4z/Z+34faCE1kyv2DJNcqueJI
        BAVWFAOexiegS0cO6fpHJVCHKuOGgO2arGoo29v3IQKBgQDZQQOTNRS81VQEdecg
        nfI/GomVijpy4v72QjiOzJQ5lRNFyaGp2DaBGrTkHYvly1Y1N4D6YH5EAMGoHSVK
        pivs8XGSJTNALGMpZ15TtNZhyc5GQ5LlGnF6GCkRpq6NH8doURnHdKF12yxcqoKM
        KivIC9XcepP2fbaHjmUBKlvJ0QKBgQDJz6Wr4G2DSZOyDi0NmCyTjGKQbeO2GLxO
        3EHvQnQ2EKqu/P4/+6OZylwbxxa+waGVIxcER7te+5/yHJN++ODu5YucdtAibKxQ
        GgAj1seq+OQa1Qp+G4zA0dd6ygF16YvufkucLDBrhXvwcSO4ugDaQnj3X4a2pzmQ
        u4tICQJEWQKBgQCCx4M6azqnjZd88+iFFu9Lk1L9JO+YVxL59NUNCRO1Mgse+IiL
        sG7m+senhi2/z85+TIIktk9r6jSpWZooPK22fYVLX39hgxbSRrpekz52MUAtxeG4
        blmfEMowKPFsXJPyNNfa3FeRlbU3tyDM9VnTm2RKy7MkL3rgURR2RiRo8QKBgQDI
        qy7jPx/l4e14qVvnHp+Ef50qW/qHAQWNrLnrPLrtX5k4stvlp0RAEdWQ0WAugb83
        2lJysRkBE1cxmXSYVsTjB2DRTdsbv89/PrtQ56pWuXGntJrgVmiY+o82y1K0emvn
        07E/MzlaULqylO2eK2XZoStDXrtHN/Snk7SlBkA40QKBgGIH8CRP0ecU9YE0LEHn
        v3gsbPNdp8aRYlq1QGTx3LX5Yt25AtMQ5cQaTwPjjGSbO98wVUYvCt5uSoFwLZ/7
        gxF3pUZcKUVg7JVneKRCKu8xt6TWCwFaCFcjKBWsZ+UI4fl0joV/CX46Bt5zAxAd
        xUo7xazLUv1OpQ9PHY8VpUKj
        -----END PRIVATE KEY-----
        """
}
