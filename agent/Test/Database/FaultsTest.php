<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Database;

use Magento\Framework\Amqp\Connection\Factory;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Handover\TransportInterface;
use MagentoEventBridge\Agent\Test\Doubles\Broker;
use MagentoEventBridge\Agent\Test\Doubles\Cache;
use MagentoEventBridge\Agent\Test\Doubles\RealDatabase;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

/**
 * What a save of the shop goes through when the outbox of a real database server does not accept captures.
 */
class FaultsTest extends TestCase
{
    private const PACKET = 1048576;
    private const SIGNAL = 'CREATE TRIGGER fault BEFORE INSERT ON shop_eventbridge_outbox FOR EACH ROW'
        . " SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ";

    /**
     * @var Shop
     */
    private $shop;

    /**
     * @var \PDO
     */
    private $admin;

    protected function setUp(): void
    {
        $this->admin = new \PDO(getenv('AGENT_TEST_ADMIN_DSN'), 'root', '');
        $this->admin->setAttribute(\PDO::ATTR_ERRMODE, \PDO::ERRMODE_EXCEPTION);
        $this->admin->exec('SET GLOBAL max_allowed_packet = ' . self::PACKET);
        $this->admin->exec('DROP TABLE IF EXISTS shop_eventbridge_outbox, shop_orders');
        $this->admin->exec('CREATE TABLE shop_orders (note TEXT) ENGINE=InnoDB');
        $this->admin->exec(
            'CREATE TABLE shop_eventbridge_outbox (id BIGINT PRIMARY KEY AUTO_INCREMENT,'
            . ' store_id INT UNSIGNED NOT NULL DEFAULT 0, subject VARCHAR(255), body MEDIUMBLOB NOT NULL) ENGINE=InnoDB'
        );
        $this->shop = $this->shop();
    }

    public function testACaptureOverThePacketLimitCostsOnlyItself(): void
    {
        $this->save(['a' => 10, 'large' => 2 * self::PACKET, 'b' => 10]);

        self::assertSame(['a', 'b'], $this->written());
        self::assertTrue($this->isSaved());
        $this->assertLost(['large'], 'max_allowed_packet');
    }

    /**
     * Quoting in SQL makes a capture larger than its JSON.
     */
    public function testACaptureThatOnlyQuotingMakesTooLargeCostsOnlyItself(): void
    {
        $this->save(['a' => 10, 'quoted' => intdiv(self::PACKET, 3)], '"');

        self::assertSame(['a'], $this->written());
        self::assertTrue($this->isSaved());
        $this->assertLost(['quoted'], 'max_allowed_packet');
    }

    /**
     * @testWith [0]
     *           [1]
     */
    public function testALargeCaptureThatFitsIsWritten(int $level): void
    {
        $this->save(['a' => 10, 'fits' => self::PACKET - 4096, 'b' => 10], 'x', $level);

        self::assertSame(['a', 'fits', 'b'], $this->written());
        self::assertSame([], $this->shop->log->lines);
    }

    /**
     * A batch of small captures may be over a very small limit, too.
     */
    public function testCapturesThatFitOneByOneAreAllWritten(): void
    {
        $this->admin->exec('SET GLOBAL max_allowed_packet = 131072');
        $this->shop = $this->shop();
        $this->save(array_fill_keys(range(1, 100), 5000));

        self::assertSame(array_map('strval', range(1, 100)), $this->written());
        self::assertSame([], $this->shop->log->lines);
    }

    /**
     * Without strict mode, which Magento switches off, the database would cut it off without an error.
     */
    public function testACaptureOverTheColumnsSizeCostsOnlyItself(): void
    {
        $this->admin->exec('SET GLOBAL max_allowed_packet = 67108864');
        $this->shop = $this->shop();
        $this->save(['a' => 10, 'large' => 16777216, 'b' => 10]);

        self::assertSame(['a', 'b'], $this->written());
        self::assertTrue($this->isSaved());
        $this->assertLost(['large'], '16777215');
    }

    public function testWithoutATransactionALargeCaptureIsLoggedAsLost(): void
    {
        $this->save(['large' => 2 * self::PACKET], 'x', 0);

        self::assertSame([], $this->written());
        $this->assertLost(['large'], 'max_allowed_packet');
    }

    public function testWhatAnotherTransportRefusesAndTheOutboxCannotHoldCostsOnlyItself(): void
    {
        $this->shop->handOverBy(['http' => new class implements TransportInterface {
            public function isAvailable(): bool
            {
                return true;
            }

            public function isTransactional(): bool
            {
                return false;
            }

            public function send(array $captures): void
            {
                throw new \RuntimeException('too large');
            }
        }]);
        $this->shop->settings->values['aws_eventbridge/agent/transport'] = 'http';
        $this->save(['a' => 10, 'large' => 2 * self::PACKET, 'b' => 10]);

        self::assertSame(['a', 'b'], $this->written());
        self::assertTrue($this->isSaved());
        $this->assertLost(['large'], 'max_allowed_packet');
    }

    /**
     * @dataProvider faults
     */
    public function testAFaultOfTheTableCostsNoSave(string $break, string $reason, string $repair): void
    {
        $this->runAll($break);
        try {
            $this->shop = $this->shop();
            $this->save(['a' => 10, 'b' => 10]);
        } finally {
            $this->runAll($repair);
        }

        self::assertTrue($this->isSaved());
        $this->assertLost(['a', 'b'], $reason);
    }

    public function faults(): array
    {
        return [
            'table missing' => ['DROP TABLE shop_eventbridge_outbox', '1146', ''],
            'table of another shape' => [
                'ALTER TABLE shop_eventbridge_outbox ADD needed INT NOT NULL, DROP COLUMN subject', '1054', '',
            ],
            'no right to write' => [
                "REVOKE ALL ON magento.* FROM 'shop'@'%';GRANT SELECT ON magento.* TO 'shop'@'%';"
                . "GRANT INSERT ON magento.shop_orders TO 'shop'@'%'",
                '1142',
                "GRANT ALL ON magento.* TO 'shop'@'%'",
            ],
            'unknown to the engine' => [
                'ALTER TABLE shop_eventbridge_outbox DISCARD TABLESPACE', '1814', '',
            ],
            'table locked' => [
                'LOCK TABLES shop_eventbridge_outbox READ',
                '1205',
                'UNLOCK TABLES',
            ],
            'rows locked' => [
                'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE;BEGIN;'
                    . 'SELECT COUNT(*) FROM shop_eventbridge_outbox FOR UPDATE',
                '1205',
                'ROLLBACK',
            ],
            'table full' => [self::SIGNAL . '1114', '1114', ''],
            'disk full' => [self::SIGNAL . '1021', '1021', ''],
            'table crashed' => [self::SIGNAL . '1194', '1194', ''],
        ];
    }

    /**
     * The database has taken back the shop's transaction too, so that it must not seem committed.
     */
    public function testALostConnectionFailsTheCommitAndCapturesNothing(): void
    {
        $this->shop->database->begin();
        $this->shop->database->query('INSERT INTO shop_orders VALUES (?)', ['an order']);
        $this->add('a', 'x');
        $this->admin->exec('KILL ' . $this->shop->database->fetchOne('SELECT CONNECTION_ID()'));
        $isCommitted = $this->commits();

        self::assertFalse($isCommitted);
        self::assertFalse($this->isSaved());
        self::assertSame([], $this->written());
    }

    /**
     * Magento connects again and repeats a statement whose connection was lost, then without a transaction.
     */
    public function testAConnectionLostWhileCapturesAreWrittenInventsNoEvent(): void
    {
        $this->admin->exec(
            'CREATE TRIGGER slow BEFORE INSERT ON shop_eventbridge_outbox FOR EACH ROW SET NEW.store_id = SLEEP(1)'
        );
        $kill = '$db = new PDO(getenv("AGENT_TEST_ADMIN_DSN"), "root", ""); usleep(500000); $db->exec("KILL %d");';
        $this->shop->database->begin();
        $this->shop->database->query('INSERT INTO shop_orders VALUES (?)', ['an order']);
        $this->add('a', 'x');
        $id = $this->shop->database->fetchOne('SELECT CONNECTION_ID()');
        $killer = popen(escapeshellarg(PHP_BINARY) . ' -r ' . escapeshellarg(sprintf($kill, $id)), 'r');
        $isCommitted = $this->commits();
        pclose($killer);

        self::assertFalse($isCommitted);
        self::assertFalse($this->isSaved());
        self::assertSame([], $this->written());
    }

    /**
     * The server is asked for its limit only where a statement is large: Magento would ask it on a new connection.
     */
    public function testAConnectionLostBeforeCapturesAreWrittenInventsNoEvent(): void
    {
        $this->saveWithALostConnection(20000);

        self::assertSame([], $this->written());
    }

    public function testTheQueueInTheDatabaseGetsMessagesAsMagentoWritesThem(): void
    {
        $this->useQueue();
        foreach ([1, 0] as $level) {
            $this->save(['a' => 10, 'b' => 20000], '"', $level);
        }

        self::assertSame(['a', 'b', 'a', 'b'], $this->queued());
        self::assertSame([], $this->written());
        self::assertSame([], $this->shop->log->lines);
    }

    public function testWithoutAQueueInTheDatabaseTheOutboxIsWritten(): void
    {
        $this->useQueue();
        $this->admin->exec('DELETE FROM shop_queue');
        foreach ([1, 0] as $level) {
            $this->save(['a' => 10], 'x', $level);
        }

        self::assertSame(['a', 'a'], $this->written());
        self::assertSame('0', (string)$this->admin->query('SELECT COUNT(*) FROM shop_queue_message')->fetchColumn());
        self::assertStringContainsString('setup:upgrade', $this->shop->log->lines[0]);
    }

    /**
     * @testWith [10]
     *           [20000]
     */
    public function testAConnectionLostBeforeAMessageIsQueuedInventsNoEvent(int $size): void
    {
        $this->useQueue();
        $this->saveWithALostConnection($size);

        self::assertSame([], $this->queued());
        self::assertSame([], $this->written());
    }

    /**
     * @testWith ["shop_queue"]
     *           ["shop_queue_message"]
     *           ["shop_queue_message_status"]
     */
    public function testALockOnTheQueueHoldsUpNobodyForLong(string $table): void
    {
        $this->useQueue();
        $this->admin->query("LOCK TABLES $table WRITE");
        try {
            $this->save(['a' => 10]);
        } finally {
            $this->admin->query('UNLOCK TABLES');
        }

        self::assertTrue($this->isSaved());
        self::assertSame([], $this->queued());
        self::assertSame(['a'], $this->written());
        self::assertStringContainsString('1205', $this->shop->log->lines[0]);
    }

    /**
     * MySQL has no hint for the time that a statement waits for rows.
     *
     * @dataProvider locks
     */
    public function testOnMySqlAShopperWaitsNoLongerForALock(string $lock, string $release): void
    {
        $database = $this->database('8.0.36');
        $this->shop = new Shop([], $database);
        $database->query('SET SESSION lock_wait_timeout = 77, SESSION innodb_lock_wait_timeout = 66');
        $this->runAll($lock);
        try {
            foreach ([1, 0] as $level) {
                $this->save(['a' => 10], 'x', $level);
            }
        } finally {
            $this->runAll($release);
        }
        $this->save(['b' => 10]);

        self::assertSame(['b'], $this->written());
        self::assertSame(2, substr_count(implode($this->shop->log->lines), '1205'));
        self::assertSame(
            '77 66',
            $database->fetchOne('SELECT CONCAT(@@SESSION.lock_wait_timeout, " ", @@SESSION.innodb_lock_wait_timeout)')
        );
    }

    public function locks(): array
    {
        return array_map(function (array $fault): array {
            return [$fault[0], $fault[2]];
        }, array_intersect_key($this->faults(), ['table locked' => 0, 'rows locked' => 0]));
    }

    /**
     * Runs statements that are separated by semicolons.
     */
    private function runAll(string $statements): void
    {
        foreach (array_filter(explode(';', $statements)) as $statement) {
            $this->admin->query($statement)->closeCursor();
        }
    }

    private function shop(): Shop
    {
        return new Shop([], $this->database());
    }

    private function database(?string $version = null): RealDatabase
    {
        return new RealDatabase(getenv('AGENT_TEST_DSN'), 'shop', getenv('AGENT_TEST_PASSWORD'), $version);
    }

    /**
     * Saves an order with captures of these sizes, by event.
     *
     * @param int[] $sizes
     * @param string $letter that they consist of
     * @param int $level of transactions
     * @return void
     */
    private function save(array $sizes, string $letter = 'x', int $level = 1): void
    {
        if ($level) {
            $this->shop->database->begin();
        }
        $this->shop->database->query('INSERT INTO shop_orders VALUES (?)', ['an order']);
        foreach ($sizes as $event => $size) {
            $this->add((string)$event, str_repeat($letter, $size));
        }
        if ($level) {
            $this->shop->database->commit();
        }
    }

    /**
     * Hands over by Magento's queue in the database.
     */
    private function useQueue(): void
    {
        $this->admin->exec('DROP TABLE IF EXISTS shop_queue_message_status, shop_queue_message, shop_queue');
        $this->admin->exec('CREATE TABLE shop_queue (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(255) UNIQUE)');
        $this->admin->exec(
            'CREATE TABLE shop_queue_message (id BIGINT PRIMARY KEY AUTO_INCREMENT, topic_name VARCHAR(255), body LONGTEXT)'
        );
        $this->admin->exec(
            'CREATE TABLE shop_queue_message_status (id BIGINT PRIMARY KEY AUTO_INCREMENT, queue_id INT NOT NULL,'
            . ' message_id BIGINT NOT NULL, status SMALLINT NOT NULL,'
            . ' FOREIGN KEY (message_id) REFERENCES shop_queue_message (id),'
            . ' FOREIGN KEY (queue_id) REFERENCES shop_queue (id))'
        );
        $this->admin->exec("INSERT INTO shop_queue VALUES (1, 'another'), (2, 'aws.eventbridge.events.send')");
        $broker = new Broker();
        $this->shop->handOverByQueue('db', $broker, new Cache(), new Factory($broker));
    }

    /**
     * @return string[] the events of the messages that a consumer of the queue would find
     */
    private function queued(): array
    {
        $bodies = $this->admin->query(
            'SELECT body FROM shop_queue_message_status s JOIN shop_queue_message m ON m.id = s.message_id'
            . " WHERE s.queue_id = 2 AND s.status = 2 AND m.topic_name = 'aws.eventbridge.events.send' ORDER BY s.id"
        );

        return array_map(function (string $body): string {
            return json_decode(json_decode($body))->event;
        }, $bodies->fetchAll(\PDO::FETCH_COLUMN));
    }

    /**
     * Saves an order with a capture that loses the connection when it is encoded: right after the savepoint.
     */
    private function saveWithALostConnection(int $size): void
    {
        $id = $this->shop->database->fetchOne('SELECT CONNECTION_ID()');
        $note = new class ($this->admin, (int)$id, $size) implements \JsonSerializable {
            private $admin;

            private $id;

            private $size;

            public function __construct(\PDO $admin, int $id, int $size)
            {
                $this->admin = $admin;
                $this->id = $id;
                $this->size = $size;
            }

            #[\ReturnTypeWillChange]
            public function jsonSerialize()
            {
                $this->admin->exec('KILL ' . $this->id);

                return str_repeat('x', $this->size);
            }
        };
        $this->shop->database->begin();
        $this->shop->database->query('INSERT INTO shop_orders VALUES (?)', ['an order']);
        $this->add('a', $note);
        $isCommitted = $this->commits();
        self::assertFalse($isCommitted);
        self::assertFalse($this->isSaved());
    }

    /**
     * @param string $event
     * @param string|\JsonSerializable $note
     */
    private function add(string $event, $note): void
    {
        $capture = new Capture('id-' . $event, $event, 1.5, null, 1, 'order/000000012', null);
        $capture->show(['note' => $note]);
        $this->shop->buffer->add($capture);
    }

    /**
     * Commits the shop's transaction, and returns whether that succeeded.
     */
    private function commits(): bool
    {
        try {
            $this->shop->database->commit();
        } catch (\PDOException $failure) {
            return false;
        }
        return true;
    }

    private function isSaved(): bool
    {
        return (bool)$this->admin->query('SELECT COUNT(*) FROM shop_orders')->fetchColumn();
    }

    /**
     * @return string[] the events in the outbox
     */
    private function written(): array
    {
        $bodies = $this->admin->query('SELECT body FROM shop_eventbridge_outbox ORDER BY id');

        return array_map(function (string $body): string {
            return json_decode($body)->event;
        }, $bodies->fetchAll(\PDO::FETCH_COLUMN));
    }

    /**
     * The log names each lost event, what it is about, and the reason.
     */
    private function assertLost(array $events, string $reason): void
    {
        $log = implode("\n", $this->shop->log->lines);
        foreach ($events as $event) {
            self::assertStringContainsString($event . ' of order/000000012 (id-' . $event . ')', $log);
        }
        self::assertSame(count($events), substr_count($log, 'order/000000012'), $log);
        self::assertStringContainsString($reason, $log);
        self::assertStringContainsString('audit --repair', $log);
    }
}
