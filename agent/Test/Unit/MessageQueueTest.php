<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\Amqp\Connection\Factory;
use MagentoEventBridge\Agent\Test\Doubles\Broker;
use MagentoEventBridge\Agent\Test\Doubles\Cache;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\Wiring;
use MagentoEventBridge\Agent\Test\Doubles\Unencodable;
use PHPUnit\Framework\TestCase;

class MessageQueueTest extends TestCase
{
    private const QUEUE = 'aws.eventbridge.events.send';

    /**
     * @var Shop
     */
    private $shop;

    /**
     * @var Broker
     */
    private $broker;

    /**
     * @var Cache
     */
    private $cache;

    /**
     * @var Factory
     */
    private $connections;

    public function testACaptureIsPublishedAsAStringAndSaysThatItWasQueued(): void
    {
        $this->shopWithQueueOf('db');
        $this->add('a');

        self::assertTrue(json_decode(json_decode($this->shop->database->queued()[0]), true)['queued']);
        self::assertSame([], $this->shop->database->written());
    }

    public function testTheQueueInTheDatabaseIsWrittenWithinTheTransaction(): void
    {
        $this->shopWithQueueOf('db');
        $this->shop->database->begin();
        $this->add('a');
        self::assertSame([], $this->shop->database->statements);
        $this->shop->database->commit();

        self::assertSame(['a'], $this->published());
        self::assertSame(
            ['SAVEPOINT eventbridge', 'INSERT shop_queue_message 1', 'INSERT shop_queue_message_status 1'],
            $this->shop->database->statements
        );
    }

    public function testABrokerHearsNothingBeforeTheCommitAndNothingOfARollBack(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->rollBack();
        $this->shop->database->begin();
        $this->add('b');
        self::assertSame([], $this->broker->published);
        $this->shop->database->commit();

        self::assertSame(['b'], $this->published());
        self::assertSame(['confirm', 'is there ' . self::QUEUE, 'wait'], $this->broker->asked);
        self::assertSame([], $this->shop->database->statements);
    }

    public function testABrokerThatIsDownIsLeftAloneForAWhileAndTheOutboxTakesAll(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->failure = new \RuntimeException('connection refused');
        $this->add('a');
        $this->broker->failure = null;
        $this->add('b');

        $written = $this->shop->database->written();
        self::assertSame(['a', 'b'], array_column($written, 'event'));
        self::assertSame([false, false], array_column($written, 'queued'));
        self::assertSame([], $this->broker->published);
        self::assertCount(1, $this->shop->log->lines);
    }

    public function testWhatABrokerRefusesGoesToTheOutbox(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->refuses = true;
        $this->add('a');

        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
    }

    /**
     * The broker is not left alone then, as after a failure.
     */
    public function testAMessageOverTheBrokersLimitGoesToTheOutboxAndCostsNoOther(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->maxMessage = 300000;
        $this->shop->database->begin();
        $this->add('a');
        $this->addLarge('large', 400000);
        $this->add('b');
        $this->shop->database->commit();
        $this->add('c');

        self::assertSame(['a', 'b', 'c'], $this->published());
        self::assertSame(['large'], array_column($this->shop->database->written(), 'event'));
        self::assertSame([], $this->cache->saved);
        self::assertSame([], $this->shop->log->lines);
    }

    /**
     * Magento encodes the JSON once more, so that a message is larger than a row of the outbox.
     *
     * @testWith [0]
     *           [1]
     */
    public function testAMessageThatADatabaseStatementCannotHoldGoesToTheOutbox(int $level): void
    {
        $this->shopWithQueueOf('db');
        $this->shop->database->maxPacket = 500000;
        if ($level) {
            $this->shop->database->begin();
        }
        $this->addLarge('large', 100000, '"');
        if ($level) {
            $this->shop->database->commit();
        }
        $this->add('b');

        self::assertSame(['b'], $this->published());
        self::assertSame(['large'], array_column($this->shop->database->written(), 'event'));
        self::assertStringContainsString('max_allowed_packet', $this->shop->log->lines[0]);
    }

    /**
     * @testWith ["amqp"]
     *           ["db"]
     */
    public function testACaptureThatCannotBeEncodedCostsOnlyItself(string $connection): void
    {
        $this->shopWithQueueOf($connection);
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->buffer->add(Unencodable::capture());
        $this->add('b');
        $this->shop->database->commit();
        $this->add('c');

        self::assertSame(['a', 'b', 'c'], $this->published());
        self::assertSame([], $this->shop->database->written());
        self::assertSame([], $this->cache->saved);
        self::assertCount(1, $this->shop->log->lines);
        self::assertStringContainsString('lost 1 event: ', $this->shop->log->lines[0]);
        self::assertStringContainsString('broken (id)', $this->shop->log->lines[0]);
    }

    public function testALargeTransactionIsConfirmedBatchByBatch(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->shop->database->begin();
        for ($number = 0; $number < 2000; $number++) {
            $this->add('event ' . $number);
        }
        $this->shop->database->commit();

        self::assertCount(2000, $this->broker->published);
        self::assertGreaterThan(1, count(array_keys($this->broker->asked, 'wait')));
        self::assertSame(1, count(array_keys($this->broker->asked, 'confirm')));
    }

    public function testALostConnectionIsReplacedAndTheQueueGoesOn(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->add('a');
        $this->broker->connections[0]->isLost = true;
        $this->add('b');
        $this->broker->connections[1]->isLost = true;
        $this->add('c');
        $this->add('d');

        self::assertSame(['a', 'b', 'c', 'd'], $this->published());
        self::assertCount(3, $this->broker->connections);
        self::assertSame([], $this->shop->database->written());
        self::assertSame([], $this->shop->log->lines);
    }

    public function testABrokerThatIsGoneForGoodIsTriedOnce(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->add('a');
        $this->broker->connections[0]->isLost = true;
        $this->broker->failure = new \RuntimeException('connection refused');
        $this->add('b');

        self::assertSame(['b'], array_column($this->shop->database->written(), 'event'));
        self::assertCount(1, $this->broker->connections);
        self::assertCount(1, $this->shop->log->lines);
    }

    /**
     * @testWith [false]
     *           [true]
     */
    public function testABrokerThatIsFrozenHoldsUpAProcessForThreeSeconds(bool $isConnected): void
    {
        $this->shopWithQueueOf('amqp');
        if ($isConnected) {
            $this->add('a');
        }
        $this->broker->isFrozen = true;
        $this->add('b');
        $this->add('c');

        self::assertSame(['b', 'c'], array_column($this->shop->database->written(), 'event'));
        self::assertSame(3.0, $this->broker->waited);
    }

    public function testItConnectsAsMagentoDoes(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->add('a');

        self::assertSame([[
            'setHost' => 'the host',
            'setPort' => '5672',
            'setUsername' => 'the user',
            'setPassword' => 'the password',
            'setVirtualHost' => 'the virtualhost',
            'setSslEnabled' => false,
            'setSslOptions' => 'the ssl_options',
        ]], $this->connections->options);
    }

    public function testAMissingQueueOpensOneConnectionOnly(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->hasQueue = false;
        $this->add('a');

        self::assertCount(1, $this->broker->connections);
        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
    }

    public function testAMessageIsEncodedAsMagentosPublisherDoesAndGoesToTheQueueItself(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->add('a');

        list($topic, $body, $exchange, $properties) = $this->broker->published[0];
        $capture = json_decode(json_decode($body), true);
        self::assertSame([self::QUEUE, '', true], [$topic, $exchange, $capture['queued']]);
        self::assertSame(['delivery_mode' => 2, 'message_id' => $capture['id']], $properties);
    }

    public function testAQueueThatMagentosExchangeDoesNotLeadToGetsEachMessage(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->isBound = false;
        $this->add('a');

        self::assertSame(['a'], $this->published());
    }

    public function testAProcessMayHandOverToABrokerManyTimes(): void
    {
        $this->shopWithQueueOf('amqp');
        foreach (['a', 'b', 'c'] as $event) {
            $this->shop->database->begin();
            $this->add($event);
            $this->shop->database->commit();
        }

        self::assertSame(['a', 'b', 'c'], $this->published());
        self::assertSame([], $this->shop->database->written());
        self::assertSame([], $this->shop->log->lines);
        self::assertSame(1, count(array_keys($this->broker->asked, 'confirm')));
    }

    public function testAQueueThatABrokerDoesNotHaveCostsNobodyElsesChannel(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->hasQueue = false;
        $this->add('a');

        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
        self::assertNull($this->broker->shared);
        self::assertFalse($this->broker->connections[0]->channels[0]->is_open());
    }

    public function testAfterARefusalTheNextMessagesHaveAChannelOfTheirOwn(): void
    {
        $this->shopWithQueueOf('amqp');
        $this->broker->refuses = true;
        $this->add('a');
        $this->broker->refuses = false;
        $this->cache->saved = [];
        $this->add('b');

        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
        self::assertCount(2, $this->broker->connections);
        self::assertFalse($this->broker->connections[0]->channels[0]->is_open());
    }

    /**
     * @testWith ["stomp"]
     *           ["unknown"]
     *           ["another RabbitMQ"]
     *           ["disabled"]
     */
    public function testAQueueOfAnotherKindIsNotUsedAndThatIsNoFailure(string $connection): void
    {
        $this->shopWithQueueOf($connection);
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->commit();
        $this->add('b');

        $written = $this->shop->database->written();
        self::assertSame(['a', 'b'], array_column($written, 'event'));
        self::assertSame([false, false], array_column($written, 'queued'));
        self::assertSame([], $this->broker->published);
        self::assertSame([], $this->shop->log->lines);
    }

    public function testAFailureOfTheQueueInTheDatabaseLeavesTheOutbox(): void
    {
        $this->shopWithQueueOf('db');
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->failure = new \RuntimeException('no such table');
        $this->shop->database->commit();
        $this->shop->database->failure = new \RuntimeException('no such table');
        $this->add('b');

        self::assertSame(['a', 'b'], array_column($this->shop->database->written(), 'event'));
        self::assertContains('ROLLBACK TO SAVEPOINT eventbridge', $this->shop->database->statements);
        self::assertCount(2, $this->shop->log->lines);
    }

    public function testAQueueThatWasNeverMadeLeavesTheOutbox(): void
    {
        $this->shopWithQueueOf('db');
        $this->shop->database->things = ['shop_queue' => []];
        $this->add('a');

        self::assertSame([], $this->published());
        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
        self::assertStringContainsString('setup:upgrade', $this->shop->log->lines[0]);
    }

    public function testCronEventsAreSentInRealTime(): void
    {
        $this->shopWithQueueOf('db');
        $this->shop->database->begin();
        foreach (['a', 'cron_job_run', 'b', 'plugin:cron_schedule.save'] as $event) {
            $this->add($event);
        }
        $this->shop->database->commit();

        self::assertSame(['a', 'b'], $this->published());
        self::assertSame(
            ['cron_job_run', 'plugin:cron_schedule.save'],
            array_column($this->shop->database->written(), 'event')
        );
    }

    public function testAStoreViewMayHaveQueueModeOnItsOwn(): void
    {
        $this->shopWithQueueOf('db');
        $this->shop->settings->values = ['aws_eventbridge/options/queue_mode@2' => '1'];
        $this->add('a', 1);
        $this->add('b', 2);

        self::assertSame(['b'], $this->published());
        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
    }

    public function testTopicPublisherAndQueueAreDeclaredUnderOneNameAndNoConsumer(): void
    {
        self::assertSame(self::QUEUE, (string)Wiring::xml('communication.xml')->topic['name']);
        self::assertSame('string', (string)Wiring::xml('communication.xml')->topic['request']);
        self::assertSame(self::QUEUE, (string)Wiring::xml('queue_publisher.xml')->publisher['topic']);
        $binding = Wiring::xml('queue_topology.xml')->exchange->binding;
        self::assertSame([self::QUEUE, self::QUEUE], [(string)$binding['topic'], (string)$binding['destination']]);
        self::assertFileDoesNotExist(dirname(__DIR__, 2) . '/etc/queue_consumer.xml');
    }

    private function shopWithQueueOf(string $connection): void
    {
        $this->broker = new Broker();
        $this->shop = new Shop();
        $this->shop->database->things = ['shop_queue' => [self::QUEUE => ['id' => '1']]];
        $this->cache = new Cache();
        $this->connections = new Factory($this->broker);
        $this->shop->handOverByQueue($connection, $this->broker, $this->cache, $this->connections);
    }

    private function add(string $event, int $storeId = 1): void
    {
        $this->shop->buffer->add($this->shop->captures->make($event, $storeId, null));
    }

    private function addLarge(string $event, int $size, string $letter = 'x'): void
    {
        $capture = $this->shop->captures->make($event, 1, null);
        $capture->show(['note' => str_repeat($letter, $size)]);
        $this->shop->buffer->add($capture);
    }

    private function published(): array
    {
        $messages = array_merge(array_column($this->broker->published, 1), $this->shop->database->queued());

        return array_map(function (string $message): string {
            return json_decode(json_decode($message), true)['event'];
        }, $messages);
    }
}
