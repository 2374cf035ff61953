// Package authority is the certificate authority of one jail. It signs a
// certificate for each service that the jail uses through a broker, by the
// service's own name, and for nothing else.
//
// Its private key is made when the jail starts, is in no file, and ends with
// the process. Two things keep it to its names: Certificate refuses every
// other one, and the authority's own certificate carries critical name
// constraints (RFC 5280, 4.2.1.10), so that a client refuses what a stolen key
// would sign. Some clients ignore the constraints of a trust anchor (Java 17).
//
// What does not belong here: which names have brokers, who connects, and where
// the jail finds the certificate.
package authority
