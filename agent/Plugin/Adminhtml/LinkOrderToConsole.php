<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin\Adminhtml;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\AuthorizationInterface;
use Magento\Framework\Escaper;
use Magento\Sales\Block\Adminhtml\Order\View;
use MagentoEventBridge\Agent\Fence;

/**
 * Adds a button to an order's page that opens the order's history in the bridge's console.
 *
 * There is no button without the console's address, and none for users who may not see it.
 */
class LinkOrderToConsole
{
    public const RESOURCE = 'MagentoEventBridge_Agent::history';
    public const BUTTON = 'eventbridge_history';

    private const CONSOLE_URL = 'aws_eventbridge/bridge/console_url';

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var AuthorizationInterface
     */
    private $authorization;

    /**
     * @var Escaper
     */
    private $escaper;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @param ScopeConfigInterface $config
     * @param AuthorizationInterface $authorization
     * @param Escaper $escaper
     * @param Fence $fence
     */
    public function __construct(
        ScopeConfigInterface $config,
        AuthorizationInterface $authorization,
        Escaper $escaper,
        Fence $fence
    ) {
        $this->config = $config;
        $this->authorization = $authorization;
        $this->escaper = $escaper;
        $this->fence = $fence;
    }

    /**
     * Adds the button while the page's buttons are collected.
     *
     * @param View $view
     * @return void
     */
    public function beforeSetLayout(View $view): void
    {
        $this->fence->run('the link to the console', function () use ($view): void {
            $console = rtrim(trim((string)$this->config->getValue(self::CONSOLE_URL)), '/');
            if (!preg_match('~^https?://~i', $console) || !$this->authorization->isAllowed(self::RESOURCE)) {
                return;
            }
            $number = (string)$view->getOrder()->getIncrementId();
            if ($number === '') {
                return;
            }
            $url = $console . '/history?' . http_build_query(['of' => $number]);
            $view->addButton(self::BUTTON, [
                'label' => __('Events'),
                'title' => __('What happened to this order on its way to Amazon EventBridge'),
                'class' => 'eventbridge-history',
                'onclick' => sprintf("window.open('%s', '_blank', 'noopener')", $this->escaper->escapeJs($url)),
            ]);
        });
    }
}
