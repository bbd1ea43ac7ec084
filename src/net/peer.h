// The other end of a connection, as far as it is known before a request says anything. Made once for each
// connection, constant, read from its loop's thread.
#pragma once

#include <memory>
#include <string>

namespace saccade::net {

struct Peer {
  std::string address;      // "192.0.2.1", "2001:db8::1": without the port, IPv4 never in IPv6's form
  std::string certificate;  // the verified client certificate's subject, as RFC 2253 writes it; empty: none
  bool tls = false;
  bool takes_admin =
      true;  // by the listener that it came to; false: admin calls have a listener of their own
};

using PeerPointer = std::shared_ptr<const Peer>;

}  // namespace saccade::net
