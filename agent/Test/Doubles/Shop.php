<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\Amqp\ConfigPool;
use Magento\Framework\Amqp\Connection\Factory;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\App\ProductMetadataInterface;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\App\State;
use Magento\Framework\DataObject;
use Magento\Framework\Event;
use Magento\Framework\Event\Config\Data;
use Magento\Framework\Event\Observer;
use Magento\Framework\Exception\LocalizedException;
use Magento\Framework\HTTP\Header;
use Magento\Framework\MessageQueue\ConnectionTypeResolver;
use Magento\Framework\MessageQueue\MessageEncoder;
use Magento\Framework\MessageQueue\Publisher\ConfigInterface;
use Magento\Framework\Model\AbstractModel;
use Magento\Framework\HTTP\PhpEnvironment\RemoteAddress;
use Magento\Store\Model\StoreManagerInterface;
use MagentoEventBridge\Agent\Capture\CaptureId;
use MagentoEventBridge\Agent\Capture\Captures;
use MagentoEventBridge\Agent\Capture\Context;
use MagentoEventBridge\Agent\Capture\CurrentUser;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Capture\Toggles;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\FullDetail\DetailLevel;
use MagentoEventBridge\Agent\FullDetail\ViewCodes;
use MagentoEventBridge\Agent\Handover\AfterResponse;
use MagentoEventBridge\Agent\Handover\CaptureEncoder;
use MagentoEventBridge\Agent\Handover\MessageQueue;
use MagentoEventBridge\Agent\Handover\Outbox;
use MagentoEventBridge\Agent\Handover\QueueConnection;
use MagentoEventBridge\Agent\Handover\StatementSize;
use MagentoEventBridge\Agent\Handover\Statements;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Handover\Transports;
use MagentoEventBridge\Agent\State\ObjectStates;
use MagentoEventBridge\Agent\State\StoredRow;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\Watcher\StoredEntity;
use MagentoEventBridge\Agent\Watcher\CaptureRecorder;
use MagentoEventBridge\Agent\Watcher\WatcherInterface;
use MagentoEventBridge\Agent\Watcher\Watchers;

/**
 * A shop with the agent in it: the agent's own classes, wired as etc/di.xml does, over doubles of Magento's.
 */
class Shop
{
    /**
     * Thrown when the session is read.
     *
     * @var \Throwable|null
     */
    public $sessionFailure;

    /**
     * @var Database
     */
    public $database;

    /**
     * @var ResourceConnection
     */
    public $resource;

    /**
     * @var Settings
     */
    public $settings;

    /**
     * @var State
     */
    public $state;

    /**
     * @var Log
     */
    public $log;

    /**
     * @var Fence
     */
    public $fence;

    /**
     * @var CaptureEncoder
     */
    public $encoder;

    /**
     * @var Statements
     */
    public $statements;

    /**
     * @var ObjectStates
     */
    public $states;

    /**
     * @var ExecutionContext
     */
    public $execution;

    /**
     * @var Toggles
     */
    public $toggles;

    /**
     * @var DetailLevel
     */
    public $level;

    /**
     * @var ShopDeclarations
     */
    public $declarations;

    /**
     * @var Captures
     */
    public $captures;

    /**
     * Magento's list of observers.
     *
     * @var Data
     */
    public $observers;

    /**
     * @var TransactionBuffer
     */
    public $buffer;

    /**
     * @var CaptureRecorder
     */
    public $recorder;

    /**
     * @var WatcherInterface[]
     */
    public $watchers = [];

    /**
     * @var Objects
     */
    public $objects;

    /**
     * Observes the next save, before the agent does.
     *
     * @var callable|null
     */
    public $observer;

    public function __construct(array $otherTransports = [], ?Database $database = null)
    {
        $this->database = $database ?? new Database();
        $this->resource = new ResourceConnection($this->database);
        $this->settings = new Settings();
        $this->state = new State();
        $this->log = new Log();
        $this->objects = new Objects();
        $this->objects->objects[ScopeConfigInterface::class] = $this->settings;
        $this->observers = new Data();
        $this->fence = new Fence($this->log);
        $this->encoder = new CaptureEncoder($this->fence);
        // The tests of locks wait as long.
        $this->statements = new Statements(1);
        $this->states = new ObjectStates();
        $this->execution = new ExecutionContext($this->state, $this->stores());
        $this->toggles = new Toggles($this->settings, $this->stores(), Wiring::toggles());
        $this->level = new DetailLevel($this->settings);
        $this->declarations = new ShopDeclarations();
        $this->captures = new Captures(
            new CaptureId(),
            $this->execution,
            $this->context(),
            new ViewCodes($this->level, $this->stores(), $this->fence)
        );
        $this->handOverBy($otherTransports);
    }

    /**
     * Returns the shop other ways to the bridge than the outbox.
     *
     * @param \MagentoEventBridge\Agent\Handover\TransportInterface[] $otherTransports
     * @return void
     */
    public function handOverBy(array $otherTransports): void
    {
        $this->database->plugin = new Gate($this->objects);
        $this->buffer = new TransactionBuffer(
            $this->resource,
            new Transports(
                $this->settings,
                $this->outbox(),
                $otherTransports,
                Wiring::neverQueued()
            ),
            $this->fence,
            $this->database->plugin
        );
        $this->recorder = new CaptureRecorder($this->execution, $this->toggles, $this->captures, $this->buffer);
    }

    /**
     * Hands over by Magento's queue, over a connection of this name, as its type.
     */
    public function handOverByQueue(string $connection, Broker $broker, Cache $cache, Factory $connections): void
    {
        $publishers = new class ($connection) implements ConfigInterface {
            private $connection;

            public function __construct(string $connection)
            {
                $this->connection = $connection;
            }

            public function getPublisher($topic)
            {
                if ($this->connection === 'disabled') {
                    throw new LocalizedException("Publisher '$topic' is not declared.");
                }
                return new DataObject(
                    ['connection' => new DataObject(['name' => $this->connection, 'exchange' => 'magento'])]
                );
            }
        };
        $this->settings->values = ['aws_eventbridge/options/queue_mode' => '1'];
        $this->handOverBy(['queue' => new MessageQueue(
            new QueueConnection(
                $publishers,
                new ConnectionTypeResolver(),
                new ConfigPool($broker),
                $connections,
                $this->resource,
                new MessageEncoder(),
                $this->statements,
                new StatementSize($this->statements)
            ),
            new AfterResponse($cache, $this->outbox(), $this->encoder, $this->execution, $this->fence),
            $this->encoder
        )]);
    }

    /**
     * Returns the outbox of the shop.
     */
    public function outbox(): Outbox
    {
        $size = new StatementSize($this->statements);

        return new Outbox($this->resource, $this->encoder, $this->statements, $size, $this->fence);
    }

    /**
     * Switches on all events.
     */
    public function switchOn(): self
    {
        foreach (Wiring::toggles() as $paths) {
            foreach ($paths as $path) {
                $this->settings->values[$path] = '1';
            }
        }

        return $this;
    }

    public function watch(SnapshotInterface $snapshots, string $prefix, string $name, array $more = []): void
    {
        $watcher = new StoredEntity(
            $snapshots,
            $this->states,
            new StoredRow(),
            $this->execution,
            $this->recorder,
            $this->buffer,
            $prefix,
            $name,
            $more['watched'] ?? [],
            $more['exceptAreas'] ?? [],
            $more['hasPartsSavedLater'] ?? false,
            $more['createdWith'] ?? '',
            $more['implied'] ?? []
        );
        foreach (array_keys(Wiring::watchers()) as $event) {
            if (strpos($event, $prefix . '_') === 0 || $event === 'order_cancel_after') {
                $this->watchers[$event] = $watcher;
            }
        }
    }

    /**
     * Dispatches an event as Magento does.
     */
    public function dispatch(string $name, array $data = []): void
    {
        if (!in_array($name, Wiring::events(), true) && !isset($this->observers->merged[$name])) {
            return;
        }
        $names = array_map('spl_object_hash', $this->watchers);
        $watchers = new Watchers($this->objects, $this->toggles, $names, Wiring::prepares());
        $gate = $this->gateTo(array_combine($names, $this->watchers) + [Watchers::class => $watchers]);
        $gate->execute(new Observer(['event' => new Event($name, $data)]));
    }

    /**
     * Returns a gate to parts of the agent, by their classes.
     *
     * @param object[] $parts
     * @return Gate
     */
    public function gateTo(array $parts): Gate
    {
        $always = [Fence::class => $this->fence, ExecutionContext::class => $this->execution];
        $this->objects->objects = $parts + $always + $this->objects->objects;

        return new Gate($this->objects);
    }

    /**
     * Saves an object as Magento does: in a transaction, with its events around the writing.
     */
    public function save(AbstractModel $object, string $prefix, string $name, string $table): void
    {
        $this->database->begin();
        $this->dispatch($prefix . '_save_before', [$name => $object]);
        if (!$object->getId()) {
            $object->setData('entity_id', $table === 'customer_entity' ? 5 : count($this->database->things[$table] ?? []) + 1);
        }
        $row = array_filter($object->getData(), function ($value): bool {
            return $value === null || is_scalar($value);
        });
        $former = $this->database->things[$table][$object->getId()] ?? [];
        $this->database->things[$table][$object->getId()] = $row + $former;
        $observer = $this->observer;
        $this->observer = null;
        if ($observer !== null) {
            $observer($object);
        }
        $this->dispatch($prefix . '_save_after', [$name => $object]);
        $this->database->commit();
    }

    private function stores(): StoreManagerInterface
    {
        return new class implements StoreManagerInterface {
            public function getStores($withDefault = false, $codeKey = false)
            {
                return [1 => $this->getStore(1), 2 => $this->getStore(2), 3 => $this->getStore(3)];
            }

            public function getStore($storeId = null)
            {
                return new DataObject([
                    'id' => 3,
                    'code' => 'default',
                    'website' => new DataObject(['code' => 'base']),
                ]);
            }
        };
    }

    private function context(): Context
    {
        $magento = new class implements ProductMetadataInterface {
            public function getVersion()
            {
                return '2.4.6';
            }

            public function getEdition()
            {
                return 'Community';
            }
        };
        $user = new class ($this) extends CurrentUser {
            private $shop;

            public function __construct(Shop $shop)
            {
                $this->shop = $shop;
            }

            public function get(): ?array
            {
                $this->startSession();

                return null;
            }

            public function impersonatedBy(): ?int
            {
                $this->startSession();

                return null;
            }

            private function startSession(): void
            {
                if ($this->shop->sessionFailure !== null) {
                    throw $this->shop->sessionFailure;
                }
            }
        };

        return new Context(
            $this->settings,
            $this->execution,
            $user,
            $magento,
            new RemoteAddress(),
            new Header(),
            $this->level,
            $this->fence
        );
    }
}
