-- Links inside TLS.

ALTER TABLE links
    DROP CONSTRAINT links_transport_check,
    ADD CONSTRAINT links_transport_check CHECK (transport IN ('memory', 'tcp', 'quic', 'tls'));
