# MySQL, MariaDB or Redis from Debian packages, for a machine without an image registry. script/images builds it;
# it keeps the interface of the official image, so that docker-compose.yml serves both.
ARG IMAGE_BASE=debian:bookworm-slim
FROM ${IMAGE_BASE}
# The unpacked packages, and where they were unpacked: their launchers name that path.
ARG UNPACKED
ARG UNPACKED_AT
COPY ${UNPACKED} /opt/server
COPY docker/entrypoint-mysql docker/entrypoint-redis /usr/local/bin/
RUN sed -i "s,${UNPACKED_AT},/opt/server,g" /opt/server/run/* \
 && ln -s /opt/server/run/* /usr/local/bin/ \
 && useradd --system --no-create-home mysql \
 && mkdir -p /docker-entrypoint-initdb.d /etc/mysql/conf.d \
 && install -d -o mysql -g mysql /var/lib/mysql /var/run/mysqld \
 && printf '%s\n' '[client]' 'socket=/var/run/mysqld/mysqld.sock' '[mysqld]' 'user=mysql' 'basedir=/opt/server/usr' \
      'datadir=/var/lib/mysql' 'socket=/var/run/mysqld/mysqld.sock' 'pid-file=/var/run/mysqld/mysqld.pid' \
      'lc-messages-dir=/opt/server/usr/share/mysql' 'character-sets-dir=/opt/server/usr/share/mysql/charsets' \
      'plugin-dir=/opt/server/usr/lib/mysql/plugin' 'bind-address=*' 'secure-file-priv=' \
      '!includedir /etc/mysql/conf.d/' >/etc/my.cnf
# Names that the official images have.
ARG SERVER
RUN case "$SERVER" in mariadb) ln -sf mariadbd /usr/local/bin/mysqld ;; esac
ENV SERVER=${SERVER}
ARG ENTRYPOINT
RUN ln -s "/usr/local/bin/${ENTRYPOINT}" /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
