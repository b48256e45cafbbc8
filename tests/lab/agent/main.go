// agent is the part of Istio's agent that gets a pod its identity: it asks istiod for a certificate with the token of
// the pod's service account, and hands it to the pod's Envoy. The names in it are not its own: istiod takes them from
// the token.
//
//	agent TOKEN-FILE ROOT-FILE ISTIOD-ADDRESS SOCKET
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	transport "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/anypb"
	authority "istio.io/api/security/v1alpha1"
)

// By which name istiod is known in a cluster.
const istiod = "istiod.istio-system.svc"

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: agent TOKEN-FILE ROOT-FILE ISTIOD-ADDRESS SOCKET")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(tokenFile, rootFile, address, socket string) error {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	root, err := os.ReadFile(rootFile)
	if err != nil {
		return err
	}
	identity, err := request(strings.TrimSpace(string(token)), root, address)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	secret.RegisterSecretDiscoveryServiceServer(server, &secrets{identity: identity})
	return server.Serve(listener)
}

// identity is what a pod proves itself by, and checks others by; all of it in PEM.
type identity struct{ chain, key, root []byte }

// request lets istiod sign a new key.
func request(token string, root []byte, address string) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	wanted, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(root) {
		return nil, errors.New("no certificate in the root's file")
	}
	secure := credentials.NewTLS(&tls.Config{RootCAs: trusted, ServerName: istiod, MinVersion: tls.VersionTLS12})
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(secure))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "ClusterID", "Kubernetes")
	answer, err := authority.NewIstioCertificateServiceClient(connection).CreateCertificate(ctx, &authority.IstioCertificateRequest{
		Csr:              string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: wanted})),
		ValidityDuration: int64((24 * time.Hour).Seconds()),
	}, grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	return &identity{
		chain: []byte(strings.Join(answer.CertChain, "")),
		key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		root:  root,
	}, nil
}

// secrets serves one identity by the names that istiod tells proxies: `default`, and `ROOTCA` for that of others.
type secrets struct {
	secret.UnimplementedSecretDiscoveryServiceServer
	identity *identity
}

func (s *secrets) StreamSecrets(stream secret.SecretDiscoveryService_StreamSecretsServer) error {
	for {
		asked, err := stream.Recv()
		if err != nil {
			return err
		}
		if asked.VersionInfo != "" {
			continue // It has them.
		}
		answer := &discovery.DiscoveryResponse{VersionInfo: "1", Nonce: "1", TypeUrl: asked.TypeUrl}
		for _, name := range asked.ResourceNames {
			resource, err := anypb.New(s.named(name))
			if err != nil {
				return err
			}
			answer.Resources = append(answer.Resources, resource)
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func (s *secrets) named(name string) *transport.Secret {
	inline := func(text []byte) *core.DataSource {
		return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: text}}
	}
	if name == "ROOTCA" {
		others := &transport.CertificateValidationContext{TrustedCa: inline(s.identity.root)}
		return &transport.Secret{Name: name, Type: &transport.Secret_ValidationContext{ValidationContext: others}}
	}
	own := &transport.TlsCertificate{CertificateChain: inline(s.identity.chain), PrivateKey: inline(s.identity.key)}
	return &transport.Secret{Name: name, Type: &transport.Secret_TlsCertificate{TlsCertificate: own}}
}
