<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Handover\TransportInterface;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\Unencodable;
use PHPUnit\Framework\TestCase;

class TransactionBufferTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
    }

    public function testWithoutATransactionACaptureIsWrittenAtOnce(): void
    {
        $this->add('a');

        self::assertSame(['a'], $this->written());
    }

    public function testATransactionWritesAllInOneInsertBeforeItsOutermostCommit(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->begin();
        $this->add('b');
        $this->shop->database->commit();
        self::assertSame([], $this->shop->database->statements);
        $this->shop->database->commit();

        self::assertSame(
            ['SAVEPOINT eventbridge', 'INSERT shop_eventbridge_outbox 2'],
            $this->shop->database->statements
        );
        self::assertSame(['a', 'b'], $this->written());
    }

    public function testManyCapturesAreWrittenInStatementsOfALimitedSize(): void
    {
        $this->shop->database->maxPacket = 1000000;
        $this->shop->database->begin();
        for ($number = 0; $number < 3000; $number++) {
            $this->add('event ' . $number);
        }
        $this->shop->database->commit();

        self::assertCount(3000, $this->shop->database->written());
        self::assertSame([], $this->shop->log->lines);
    }

    /**
     * The server's limit is asked for when it could matter: quoted, these have 13 and 17 KB.
     *
     * @testWith [10000, 0]
     *           [14000, 1]
     */
    public function testOnlyALargeStatementAsksForTheLimit(int $bytes, int $questions): void
    {
        $capture = $this->shop->captures->make('a', 1, null);
        $capture->show(['note' => str_repeat('x', $bytes)]);
        $this->shop->buffer->add($capture);

        self::assertCount($questions, preg_grep('/max_allowed_packet/', $this->shop->database->statements));
        self::assertSame(['a'], $this->written());
    }

    public function testACaptureThatCannotBeEncodedCostsItselfOnly(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->buffer->add(Unencodable::capture());
        $this->add('b');
        $this->shop->database->commit();

        self::assertSame(['a', 'b'], $this->written());
        self::assertStringContainsString('lost 1 event: ', $this->shop->log->lines[0]);
        self::assertStringContainsString('broken (id)', $this->shop->log->lines[0]);
    }

    /**
     * In compiled mode Magento's own plugin runs commit callbacks before the agent's plugin is called.
     *
     * @dataProvider transports
     */
    public function testACommitCallbackThatOpensATransactionTakesNothingAway(bool $isTransactional): void
    {
        $sent = $this->handOverTo($isTransactional);
        $this->shop->database->addCommitCallback(function (): void {
            $this->shop->database->begin();
            $this->add('inner');
            $this->shop->database->commit();
        });
        $this->shop->database->begin();
        $this->add('outer');
        $this->shop->database->commit();
        $this->shop->database->begin();
        $this->add('later');
        $this->shop->database->commit();

        self::assertSame(['outer', 'inner', 'later'], (array)$sent->events);
    }

    /**
     * @dataProvider transports
     */
    public function testACommitCallbackThatCapturesWithoutATransactionTakesNothingAway(bool $isTransactional): void
    {
        $sent = $this->handOverTo($isTransactional);
        $this->shop->database->addCommitCallback(function (): void {
            $this->add('alone');
        });
        $this->shop->database->begin();
        $this->add('outer');
        $this->shop->database->commit();

        self::assertSame(['outer', 'alone'], (array)$sent->events);
    }

    /**
     * @dataProvider transports
     */
    public function testACommitCallbackThatRollsBackTakesNothingAway(bool $isTransactional): void
    {
        $sent = $this->handOverTo($isTransactional);
        $this->shop->database->addCommitCallback(function (): void {
            $this->shop->database->begin();
            $this->add('inner');
            $this->shop->database->rollBack();
        });
        $this->shop->database->begin();
        $this->add('outer');
        $this->shop->database->commit();

        self::assertSame(['outer'], (array)$sent->events);
    }

    /**
     * @dataProvider transports
     */
    public function testACommitThatFailsSendsNothing(bool $isTransactional): void
    {
        $sent = $this->handOverTo($isTransactional);
        $this->shop->database->begin();
        $this->add('failed');
        $this->shop->database->beforeCommit = function (): void {
            throw new \RuntimeException('the server has gone away');
        };
        try {
            $this->shop->database->commit();
            self::fail('The failure must reach the shop.');
        } catch (\RuntimeException $failure) {
            $this->shop->database->rollBack();
        }
        self::assertTrue($this->shop->buffer->isEmpty());
        $this->shop->database->begin();
        $this->add('later');
        $this->shop->database->commit();

        self::assertSame($isTransactional ? ['failed', 'later'] : ['later'], (array)$sent->events);
    }

    /**
     * Another module fails after the commit. Whoever saves then tries to roll back, as Magento does, which fails too.
     *
     * @dataProvider transports
     */
    public function testWhatWasCommittedIsSentAlsoIfItIsRolledBackTooLate(bool $isTransactional): void
    {
        $sent = $this->handOverTo($isTransactional);
        $this->shop->database->begin();
        $this->add('committed');
        $this->shop->database->afterCommit = function (): void {
            throw new \RuntimeException('another plugin fails');
        };
        try {
            $this->shop->database->commit();
        } catch (\RuntimeException $failure) {
            try {
                $this->shop->database->rollBack();
                self::fail('There is nothing to roll back.');
            } catch (\LogicException $asymmetric) {
                self::assertTrue($this->shop->buffer->isEmpty());
            }
        }

        self::assertSame(['committed'], (array)$sent->events);
        $this->shop->database->begin();
        $this->add('later');
        $this->shop->database->commit();
        self::assertSame(['committed', 'later'], (array)$sent->events);
    }

    /**
     * @dataProvider transports
     */
    public function testWhatAnotherPluginSavesJustBeforeTheCommitIsSentToo(bool $isTransactional): void
    {
        $sent = $this->handOverTo($isTransactional);
        $this->shop->database->begin();
        $this->add('first');
        $this->shop->database->beforeCommit = function (): void {
            $this->shop->database->begin();
            $this->add('late');
            $this->shop->database->commit();
        };
        $this->shop->database->commit();

        self::assertSame(['first', 'late'], (array)$sent->events);
        self::assertTrue($this->shop->buffer->isEmpty());
    }

    public function transports(): array
    {
        return ['in the transaction' => [true], 'after the commit' => [false]];
    }

    /**
     * Returns an object whose `events` are the names of what was handed over, once each.
     */
    private function handOverTo(bool $isTransactional): \stdClass
    {
        $sent = new \stdClass();
        $sent->events = [];
        $transport = $this->createStub(TransportInterface::class);
        $transport->method('isAvailable')->willReturn(true);
        $transport->method('isTransactional')->willReturn($isTransactional);
        $transport->method('send')->willReturnCallback(function (array $captures) use ($sent): void {
            foreach ($captures as $capture) {
                $sent->events[] = $capture->getEvent();
            }
        });
        $this->shop->database->isCompiled = $this->isCompiled();
        $this->shop->settings->values['aws_eventbridge/agent/transport'] = 'test';
        $this->shop->handOverBy(['test' => $transport]);

        return $sent;
    }

    public function testARollBackForgets(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->rollBack();
        self::assertTrue($this->shop->buffer->isEmpty());
        $this->shop->database->begin();
        $this->add('b');
        $this->shop->database->commit();

        self::assertSame(['b'], $this->written());
    }

    public function testAnInnerRollBackForgetsToo(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->begin();
        $this->shop->database->rollBack();
        $this->shop->database->rollBack();

        self::assertSame([], $this->written());
    }

    public function testAFailedInsertCostsTheCapturesButNotTheTransaction(): void
    {
        $this->shop->database->failure = new \RuntimeException('no such table');
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->commit();

        self::assertSame([], $this->written());
        self::assertContains('ROLLBACK TO SAVEPOINT eventbridge', $this->shop->database->statements);
        self::assertStringContainsString('no such table', $this->shop->log->lines[0]);
    }

    public function testATransactionThatIsGoneMustNotSeemCommitted(): void
    {
        $this->shop->database->failure = new \RuntimeException('deadlock');
        $this->shop->database->losesTransaction = true;
        $this->shop->database->begin();
        $this->add('a');

        $this->expectExceptionMessage('deadlock');
        $this->shop->database->commit();
    }

    public function testOfOneKeyTheLastStateIsSent(): void
    {
        $this->shop->database->begin();
        $this->hold('order', 1);
        $this->hold('invoice', 1);
        $this->hold('order', 2);
        $this->shop->database->commit();

        self::assertSame([['n' => 2], ['n' => 1]], array_column($this->shop->database->written(), 'snapshot'));
    }

    /**
     * Magento reconnects silently, and counts on as if the lost transaction were open: then each statement is
     * committed at once, and the commit that captures would wait for never comes.
     */
    public function testAfterALostConnectionACaptureDoesNotWaitForACommit(): void
    {
        $this->shop->database->begin();
        $this->add('lost');
        $this->shop->database->pdo = $this->createStub(\PDO::class);
        $this->shop->database->pdo->method('inTransaction')->willReturn(false);
        $this->shop->database->pdo->method('getAttribute')->willReturn('10.11.6-MariaDB');
        $this->shop->database->begin();
        $this->add('committed at once');
        $this->shop->database->commit();

        self::assertContains('INSERT shop_eventbridge_outbox 1', $this->shop->database->statements);
        self::assertNotContains('SAVEPOINT eventbridge', $this->shop->database->statements);
        self::assertFalse($this->shop->buffer->isEmpty());
        $this->shop->database->rollBack();
        self::assertTrue($this->shop->buffer->isEmpty());
    }

    public function testAnOpenTransactionOfAConnectionIsWaitedFor(): void
    {
        $statement = $this->createStub(\PDOStatement::class);
        $statement->method('execute')->willReturnCallback(function (array $values): bool {
            $this->shop->database->query('INSERT INTO outbox (store_id, subject, body)', $values);

            return true;
        });
        $statement->method('rowCount')->willReturn(1);
        $this->shop->database->pdo = $this->createStub(\PDO::class);
        $this->shop->database->pdo->method('inTransaction')->willReturn(true);
        $this->shop->database->pdo->method('getAttribute')->willReturn('10.11.6-MariaDB');
        $this->shop->database->pdo->method('prepare')->willReturn($statement);
        $this->shop->database->begin();
        $this->add('a');
        self::assertSame([], $this->shop->database->statements);
        $this->shop->database->commit();

        self::assertSame(['a'], $this->written());
    }

    public function testARefresherIsTakenJustBeforeTheCommit(): void
    {
        $state = 'early';
        $capture = new Capture('id', 'e', 1.0, null, 0, null, null);
        $capture->setRefresher(function () use (&$state): array {
            return ['state' => $state];
        });
        $this->shop->database->begin();
        $this->shop->buffer->hold('k', $capture);
        $state = 'late';
        $this->shop->database->commit();

        self::assertSame('late', $this->shop->database->written()[0]['snapshot']['state']);
    }

    public function testARowSaysForWhichStoreAndAboutWhat(): void
    {
        $this->shop->buffer->add(new Capture('id', 'e', 1.0, null, 7, 'order/1', null));

        self::assertSame(['store_id' => 7, 'subject' => 'order/1'], $this->shop->database->written()[0]['row']);
    }

    /**
     * Whether Magento's plugin runs the commit callbacks before the agent's plugin is called.
     */
    protected function isCompiled(): bool
    {
        return true;
    }

    private function add(string $event): void
    {
        $this->shop->buffer->add($this->shop->captures->make($event, 1, null));
    }

    private function hold(string $key, int $number): void
    {
        $capture = $this->shop->buffer->find($key) ?? $this->shop->captures->make($key, 1, null);
        $capture->show(['n' => $number]);
        $this->shop->buffer->hold($key, $capture);
    }

    private function written(): array
    {
        return array_column($this->shop->database->written(), 'event');
    }
}
