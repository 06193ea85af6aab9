// SPDX-License-Identifier: BSD-3-Clause

import java.io.InputStream;
import java.net.URL;
import java.net.URLConnection;

/** Fetches the URL given and prints the body. */
public class Fetch {
	public static void main(String[] args) throws Exception {
		URLConnection c = new URL(args[0]).openConnection();

		c.setConnectTimeout(40000);
		c.setReadTimeout(40000);
		try (InputStream in = c.getInputStream()) {
			in.transferTo(System.out);
		}
		System.out.flush();
	}
}
