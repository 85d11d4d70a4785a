<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\App\ProductMetadataInterface;
use Magento\Framework\Exception\LocalizedException;
use Magento\Framework\HTTP\Header;
use Magento\Framework\HTTP\PhpEnvironment\RemoteAddress;
use Magento\Store\Model\ScopeInterface;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\FullDetail\DetailLevel;

/**
 * Reads the user and the process, for store views that have tracking on.
 */
class Context
{
    /**
     * The module's version, which `agent check` reads here.
     */
    public const VERSION = '1.0.0';

    private const TRACKING = 'aws_eventbridge/options/tracking';

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var CurrentUser
     */
    private $user;

    /**
     * @var ProductMetadataInterface
     */
    private $magento;

    /**
     * @var RemoteAddress
     */
    private $remoteAddress;

    /**
     * @var Header
     */
    private $header;

    /**
     * @var DetailLevel
     */
    private $level;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var array|null
     */
    private $unchanging;

    /**
     * @param ScopeConfigInterface $config
     * @param ExecutionContext $execution
     * @param CurrentUser $user
     * @param ProductMetadataInterface $magento
     * @param RemoteAddress $remoteAddress
     * @param Header $header
     * @param DetailLevel $level
     * @param Fence $fence
     */
    public function __construct(
        ScopeConfigInterface $config,
        ExecutionContext $execution,
        CurrentUser $user,
        ProductMetadataInterface $magento,
        RemoteAddress $remoteAddress,
        Header $header,
        DetailLevel $level,
        Fence $fence
    ) {
        $this->config = $config;
        $this->execution = $execution;
        $this->user = $user;
        $this->magento = $magento;
        $this->remoteAddress = $remoteAddress;
        $this->header = $header;
        $this->level = $level;
        $this->fence = $fence;
    }

    /**
     * Returns the context of a capture of the store view; null if tracking is off.
     */
    public function at(float $time, int $storeId): ?array
    {
        if (!$this->config->isSetFlag(self::TRACKING, ScopeInterface::SCOPE_STORE, $storeId)) {
            return null;
        }
        if ($this->unchanging === null) {
            $this->unchanging = [
                'hostname' => gethostname() ?: null,
                'version' => [
                    'module' => self::VERSION,
                    'php' => PHP_VERSION,
                    'magento' => $this->magento->getVersion() . $this->magento->getEdition(),
                ],
            ];
        }
        $context = $this->unchanging + [
            'time' => (int)($time * 1000),
            'store_id' => $this->execution->getStoreId(),
            'user' => $this->ofUser([$this->user, 'get']),
        ];
        if ($this->level->isFull($storeId)) {
            $context['impersonated_by'] = $this->ofUser([$this->user, 'impersonatedBy']);
        }
        if ($this->execution->isShell()) {
            return ['transport' => 'SHELL'] + $context;
        }

        return ['transport' => 'HTTP'] + $context + [
            'ip' => $this->remoteAddress->getRemoteAddress() ?: null,
            'user_agent' => $this->header->getHttpUserAgent() ?: null,
        ];
    }

    /**
     * Returns what is asked about the user; null if it is unknown, as for an account that was deleted meanwhile or a
     * session that does not start.
     *
     * @param callable $ask
     * @return mixed
     */
    private function ofUser(callable $ask)
    {
        try {
            return $ask();
        } catch (LocalizedException $exception) {
            return null;
        } catch (\Throwable $failure) {
            $this->fence->log('reading the current user, who is null now', $failure);

            return null;
        }
    }
}
