/**
 * Certificates for tests, made by openssl.
 *
 * @module
 */

/** Which certificates to make. */
export interface CertificateOptions {
  /** As openssl writes them: `IP:127.0.0.1,DNS:localhost`. */
  alternativeNames?: string;
  /** Negative: it has expired. */
  dayCount?: number;
}

/** A certificate's files, PEM. */
export interface CertificateFiles {
  certificate: string;
  key: string;
}

/** An authority whose certificates nobody knows by themselves. */
export class Authority {
  private constructor(private readonly directory: string, private readonly name: string) {}

  /** The authority's own certificate, a path. */
  get certificate(): string {
    return `${this.directory}/${this.name}.pem`;
  }

  /** Makes one, with its files in `directory`. */
  static async make(directory: string, name: string): Promise<Authority> {
    const authority = new Authority(directory, name);
    const subject = ["-subj", `/CN=${name}`, "-days", "2"];
    await authority.#openssl("req", "-x509", ...NEW_KEY, ...subject, ...authority.#files(name));
    return authority;
  }

  /** Makes a certificate with its key. */
  async issue(
    name: string,
    { alternativeNames = "", dayCount = 2 }: CertificateOptions = {},
  ): Promise<CertificateFiles> {
    const path = `${this.directory}/${name}`;
    const key = `${path}.key`;
    await this.#openssl(
      ...["req", ...NEW_KEY, "-subj", `/CN=${name}`, "-keyout", key, "-out", `${path}.csr`],
    );
    await Deno.writeTextFile(
      `${path}.names`,
      alternativeNames && `subjectAltName=${alternativeNames}`,
    );
    await this.#openssl(
      ...["x509", "-req", "-in", `${path}.csr`, "-days", `${dayCount}`, "-out", `${path}.pem`],
      ...["-CA", this.certificate, "-CAkey", `${this.directory}/${this.name}.key`],
      ...["-extfile", `${path}.names`],
    );
    return { certificate: `${path}.pem`, key };
  }

  #files(name: string): string[] {
    return ["-keyout", `${this.directory}/${name}.key`, "-out", `${this.directory}/${name}.pem`];
  }

  async #openssl(...args: string[]): Promise<void> {
    const { success, stderr } = await new Deno.Command("openssl", { args }).output();
    if (!success) {
      throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    }
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
