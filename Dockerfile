# The program in a container: `docker build -t data-tracker .`, then
# `docker run -p 8000:8000 -v data-tracker:/data -e SOURCES=simulated data-tracker`.
# Runs as any user, with a read-only root file system, and without a network if need be.
FROM denoland/deno:2.9.6 AS build

# Dependencies first: this layer lasts until they change. What only tests use, and what no process
# reads (type declarations, source maps), stays behind.
WORKDIR /dependencies
COPY deno.json deno.lock ./
RUN deno remove --frozen=false @types/node @types/pg fast-check testcontainers \
 && deno install \
 && find "$DENO_DIR/npm" -type f \
      \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' \) -delete

# Then the sources, and what Deno makes of them.
WORKDIR /app
COPY . .
RUN cp /dependencies/deno.* . && chmod -R a+rX . && deno cache main.ts commands/*.ts adapters/sqlite/reader_thread.ts

FROM denoland/deno:2.9.6
# A volume that is mounted here begins with this directory's owner and mode: any user may write.
RUN mkdir -m 1777 /data
WORKDIR /app
COPY --from=build /deno-dir/npm /deno-dir/npm
COPY --from=build /app ./
COPY --from=build /deno-dir/gen /deno-dir/gen
ENV HOST=0.0.0.0 DATA_DIR=/data LOG_FORMAT=json
USER 1993
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 \
  CMD ["deno", "run", "-q", "--cached-only", "--no-prompt", "--allow-env", "--allow-net", "commands/health.ts"]
ENTRYPOINT ["/tini", "--", "sh", "docker/entrypoint.sh"]
CMD ["start"]
